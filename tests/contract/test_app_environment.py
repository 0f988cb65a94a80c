"""The bond of the two halves: what `infra/services/rag_api.py` renders is what `app/settings/` accepts."""

import os
from functools import cache
from typing import Any

import pytest

from app.api import upload_places
from app.security.api_keys import key_entry, new_key
from app.security.hosts import PROBE_PATHS
from app.settings import Settings, environment_names, load_settings, variable
from infra.config.load import from_file, stack_files
from infra.config.stack import StackConfig
from infra.services.rag_api import UPLOADS_AT_ONCE
from tests.support.stacks import planned

STACKS = stack_files()

NOT_RENDERED = {
    "cache_min_similarity": "off in every shipped stack; `min_similarity` under `cache` turns it on",
    "data_dir": "the embedded store's folder; a deployed service keeps its index in Weaviate",
    "embedder_url": "every stack embeds with the model inside the image; there is no embedding server yet",
    "embedder_model": "likewise",
    "embedder_api_key": "likewise",
    "embedder_dimensions": "likewise",
    "embedder_max_tokens": "likewise",
    "embedder_tokenizer_file": "likewise",
    "embedder_query_prefix": "likewise",
    "embedder_passage_prefix": "likewise",
    "embedder_input_type": "likewise",
    "otlp_endpoint": "for a cluster that has a collector; no shipped stack brings one",
    "trace_sample_ratio": "likewise",
    "reranker": "no stack has a reranking server yet",
    "reranker_url": "likewise",
    "reranker_model": "likewise",
    "reranker_api_key": "likewise",
    "rerank_timeout_s": "likewise",
    "redis_username": "for a managed server that has users; no shipped stack names one",
    "pgvector_url": "every stack brings its own Weaviate; other stores are run by somebody else",
    "pgvector_user": "likewise",
    "pgvector_password": "likewise",
    "pgvector_tls": "likewise",
    "pgvector_ca_file": "likewise",
    "qdrant_url": "likewise",
    "qdrant_api_key": "likewise",
    "qdrant_replication_factor": "likewise",
    "milvus_url": "likewise",
    "milvus_api_key": "likewise",
    "pinecone_url": "likewise",
    "pinecone_api_key": "likewise",
}
"""Settings that no stack renders, each with the reason."""


SAME_NAME = (
    "top_k",
    "passages_per_document",
    "prompt_max_tokens",
    "max_query_chars",
    "request_timeout_s",
    "retrieval_timeout_s",
    "rewrite_timeout_s",
    "stream_idle_timeout_s",
    "max_active_queries",
    "max_waiting_queries",
    "log_level",
)
"""Settings that stand in the stack file's section `app` under the same name and in the same unit."""


@cache
def config_of(stack: str) -> StackConfig:
    return from_file(STACKS[stack])


@cache
def container_of(stack: str) -> Any:
    """The answer service's container as the stack's plan has it."""
    deployments = planned(stack).of_type("kubernetes:apps/v1:Deployment")
    (api,) = [d for d in deployments if d.inputs["metadata"]["name"] == "rag-api"]
    return api.inputs["spec"]["template"]["spec"]["containers"][0]


def environment_of(stack: str) -> dict[str, str]:
    """What the container would see: its literal values, and dummies for what its Secrets hold."""
    dummies = {"RAGSPAN_API_KEYS": key_entry("dummy", "default", new_key()), "RAGSPAN_SESSION_SECRET": "x" * 32}
    return {e["name"]: e.get("value", dummies.get(e["name"], "dummy")) for e in container_of(stack)["env"]}


@pytest.fixture(params=STACKS)
def stack(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """A shipped stack, with its rendered environment as this process's own."""
    for name in [name for name in os.environ if name.startswith("RAGSPAN_")]:
        monkeypatch.delenv(name)
    for name, value in environment_of(request.param).items():
        monkeypatch.setenv(name, value)
    return request.param


def test_the_rendered_environment_makes_valid_settings_with_the_stack_files_values(stack: str) -> None:
    settings, config = load_settings(), config_of(stack).app
    for name in SAME_NAME:
        assert getattr(settings, name) == getattr(config, name)
    assert settings.max_upload_bytes == config.max_upload_mib * 2**20
    if config.oidc:
        for name in type(config.oidc).model_fields.keys() - {"cidr", "client_secret"}:
            assert getattr(settings, f"oidc_{name}") == getattr(config.oidc, name)
    assert settings.tenant_requests_per_minute == config.limits.requests_per_minute
    assert settings.tenant_tokens_per_minute == config.limits.tokens_per_minute
    assert settings.tenant_concurrent_questions == config.limits.concurrent_questions
    assert settings.max_refusals_per_minute == config.limits.refusals_per_minute
    assert [entry.split(":")[0] for entry in config.limits.quotas] == list(settings.tenant_quotas)
    for name in type(config.safety).model_fields:
        assert getattr(settings, name) == getattr(config.safety, name)
    assert {"rag-api.ragspan.svc", "localhost", *config.hosts} <= set(settings.allowed_hosts)


def test_the_rendered_neighbours_are_the_stack_files(stack: str) -> None:
    settings, config = load_settings(), config_of(stack)
    assert settings.vector_store == config.vector_store.kind
    assert settings.weaviate_replication_factor == min(config.vector_store.replicas, 3)
    llm = config.models.llm
    if llm.kind == "extractive":
        assert settings.generator == "extractive"
    else:
        assert (settings.generator, settings.generator_model) == ("openai", llm.model)
        assert settings.generator_max_tokens == llm.max_answer_tokens


def test_no_variable_is_unknown_to_the_app(stack: str) -> None:
    assert environment_of(stack).keys() <= environment_names()


def test_probes_ask_where_the_app_answers_under_any_host(stack: str) -> None:
    container = container_of(stack)
    probed = {container[probe]["httpGet"]["path"] for probe in ("startupProbe", "readinessProbe", "livenessProbe")}
    assert probed <= PROBE_PATHS
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    assert ports[container["readinessProbe"]["httpGet"]["port"]] == load_settings().port


def test_the_temporary_folder_has_room_for_the_uploads_that_are_let_in() -> None:
    assert upload_places.PLACES == UPLOADS_AT_ONCE


def test_every_setting_is_rendered_by_a_stack_or_has_a_reason_not_to() -> None:
    rendered = {name for stack in STACKS for name in environment_of(stack)}
    missing = {field for field in Settings.model_fields if variable(field) not in rendered}
    assert missing == NOT_RENDERED.keys(), "render it in infra/services/rag_api.py, or say why not in NOT_RENDERED"
