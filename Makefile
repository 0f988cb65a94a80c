# Each target is a thin name for a real command, and makes .venv first when it is missing or older than the lock.
.PHONY: help up check test test-browser test-engine test-cluster test-pods test-load fuzz plan bench image parts lock schema
.DEFAULT_GOAL := help
unexport PYTHONDONTWRITEBYTECODE
export PYTHON
BIN := .venv/bin

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-12s %s\n", $$1, $$2}' Makefile

up: $(BIN)/ragspan ## plan every stack offline, ingest docs/, serve on 127.0.0.1 (PORT, 8000 by default)
	$(BIN)/ragspan plan --all
	$(BIN)/ragspan ingest docs
	RAGSPAN_PORT=$${PORT:-8000} $(BIN)/ragspan serve

check: $(BIN)/ragspan ## format, lint, types, import contracts, size budgets
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/basedpyright
	$(BIN)/lint-imports --no-logo
	$(BIN)/python tools/check_budgets.py

test: $(BIN)/ragspan ## every test whose parts are here, but those below; names the rest and how to get them
	$(BIN)/pytest $(addprefix --ignore=tests/,browser integration/engine integration/cluster integration/pods integration/load fuzz) $(ARGS)

test-browser: $(BIN)/ragspan ## the page in a real Chromium: asking, signing in, adding documents, accessibility
	$(BIN)/pytest tests/browser $(ARGS)

test-engine: $(BIN)/ragspan ## every stack through the real Pulumi engine, without a cloud account
	$(BIN)/pytest tests/integration/engine -o faulthandler_timeout=300 $(ARGS)

test-cluster: $(BIN)/ragspan ## every stack on a real Kubernetes control plane with fake nodes
	$(BIN)/pytest tests/integration/cluster -o faulthandler_timeout=300 $(ARGS)

test-pods: $(BIN)/ragspan ## a production stack's rendered pods as real processes: ready, answering, outliving one
	$(BIN)/pytest tests/integration/pods -o faulthandler_timeout=300 $(ARGS)

test-load: $(BIN)/ragspan ## five times the load, a failing cache, ten thousand operations, a rolling restart, a soak (SOAK_SECONDS, 300)
	$(BIN)/pytest tests/integration/load -o faulthandler_timeout=$$(($${SOAK_SECONDS:-300} + 300)) $(ARGS)

fuzz: $(BIN)/ragspan ## requests, parsers, guard and config, a quarter of a minute each, guided by coverage
	$(BIN)/pytest tests/fuzz $(ARGS)

plan: $(BIN)/ragspan ## what each stack would create, offline (STACK for one)
	$(BIN)/ragspan plan $(or $(STACK),--all)

bench: $(BIN)/ragspan ## how long plans take, what the service adds to the models' time; with DATA (SQuAD's format), retrieval quality; PEERS=1 beside frameworks
	$(BIN)/python -m bench.plan
	$(BIN)/python -m bench.answer $(if $(PEERS),--peers)
	$(BIN)/python -m bench.answer.two_processes
	$(BIN)/python -m bench.cached_answer
	$(BIN)/python -m bench.semantic_cache
	$(BIN)/python -m bench.tracing
	$(if $(DATA),$(BIN)/python -m bench.retrieval $(DATA))

image: ## the answer service as a container image (IMAGE names it, STORE adds a vector store's client)
	docker build --platform linux/amd64 --build-arg STORE=$(STORE) --tag $(or $(IMAGE),ragspan:dev) .

parts: ## build what some tests need and pip does not install, into the user's cache
	tools/parts

lock: ## resolve pyproject.toml into requirements (ARGS=--upgrade for newer versions)
	tools/lock $(ARGS)

schema: $(BIN)/ragspan ## the JSON Schema of the stack files, and the reference pages
	$(BIN)/python -m infra.config.schema
	$(BIN)/python tools/settings_reference.py
	$(BIN)/python tools/metrics_reference.py

$(BIN)/ragspan: requirements/dev.txt pyproject.toml
	@tools/venv
