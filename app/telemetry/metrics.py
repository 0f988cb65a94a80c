"""Metrics in the Prometheus format, in a registry of their own, so that two services in one process share nothing.

Label values come from fixed lists and exist from the start, so that a rate is 0, not absent, before the first event; no
request can create new ones. `make schema` generates `docs/reference/metrics.md` from this module.
"""

import platform
from collections.abc import Collection, Mapping
from functools import cache, partial
from importlib.metadata import version
from itertools import product
from typing import TypeVar, get_args

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Info,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.exposition import choose_encoder

from app.rag.caching import Outcome
from app.rag.events import Done, FinishReason
from app.rag.quality import VerdictName
from app.rag.run import Stage
from app.rag.sensitive import PERSONAL, SECRETS
from app.rag.trace import current

LATENCY_BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 4, 8, 12, 16, 20, 30)
"""Fine-grained around our promises: first token within 2 s, whole answer within 20 s."""
TOKEN_BUCKETS_S = (0.002, 0.004, 0.006, 0.008, 0.01, 0.015, 0.02, 0.03, 0.05, 0.075, 0.1, 0.2, 0.5, 1)
"""Fine-grained from the pace of a small model on a GPU to what a reader notices."""

RETRIEVAL_STAGES: tuple[Stage, ...] = ("embed", "search", "rerank")
DEPENDENCIES = ("embedder", "vector_store", "reranker", "generator", "rewriter", "cache")
STATUSES = ("200", "400", "401", "422", "429", "499", "500", "502", "503", "504")
"""The statuses that alerts and dashboards query; any other becomes a series when it first occurs."""

Labelled = TypeVar("Labelled", Counter, Histogram, Gauge)


class Metrics:
    """The service's metrics, by the names that dashboards and alerts use."""

    def __init__(self) -> None:
        disable_created_metrics()  # they double the number of series, and nothing reads them
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._of_requests()
        self._of_answers()
        self._of_stage: dict[Stage, Histogram] = {stage: self.stages.labels(stage) for stage in get_args(Stage)}
        # Looking up labels costs more than counting, so it is done once.
        self.requests_of, self._answers_of = cache(self.requests.labels), cache(self.answers.labels)
        self._prompt_tokens, self._completion_tokens = self.tokens.labels("prompt"), self.tokens.labels("completion")
        self._of_cache()
        self._of_dependencies()
        build = {"version": version("ragspan"), "python": platform.python_version()}
        Info("rag_build", "The version that runs.", registry=self.registry).info(build)

    def _of_requests(self) -> None:
        counter, gauge = partial(Counter, registry=self.registry), partial(Gauge, registry=self.registry)
        self.requests = counter(
            "rag_requests",
            "Requests by route and status; a failed stream counts by its error's status, a client that left as 499.",
            ["endpoint", "status"],
        )
        self.active_queries = gauge("rag_active_queries", "Questions being answered now.")
        self.waiting_queries = gauge("rag_waiting_queries", "Questions that wait for a place.")
        self.shed = _complete(
            counter(
                "rag_shed_requests",
                "Questions turned away because the queue was full, or because none left it in time; status 429.",
                ["reason"],
            ),
            ("queue_full", "queue_timeout"),
        )
        self.limited = _complete(
            counter(
                "rag_limited_requests",
                "Requests beyond their tenant's limits, or refused sign-ins beyond their address's; status 429.",
                ["limit"],
            ),
            ("requests", "tokens", "concurrent", "sign_in"),
        )
        self.quota_checks = _complete(
            counter(
                "rag_quota_checks",
                "Requests counted for their tenant's limits: shared through Redis, or by this replica alone.",
                ["ledger"],
            ),
            ("shared", "replica"),
        )
        self.feedback = _complete(
            counter("rag_feedback", "Ratings of answers; `none` takes one back.", ["rating"]), ("up", "down", "none")
        )

    def _of_answers(self) -> None:
        counter = partial(Counter, registry=self.registry)
        latency = partial(Histogram, registry=self.registry, buckets=LATENCY_BUCKETS_S)
        self.retrieval = latency(
            "rag_retrieval_latency_seconds", "Embedding the question, searching and reranking together."
        )
        self.generation = latency("rag_generation_latency_seconds", "From the prompt to the last token.")
        self.first_token = latency(
            "rag_time_to_first_token_seconds", "From the request to the first token that leaves."
        )
        self.inter_token = Histogram(
            "rag_inter_token_latency_seconds",
            "Mean time between two tokens, one observation an answer; of answers whose model server counts tokens.",
            buckets=TOKEN_BUCKETS_S,
            registry=self.registry,
        )
        self.stages = _complete(
            latency("rag_stage_latency_seconds", "Each stage of an answer, as in its `timings_ms`.", ["stage"]),
            get_args(Stage),
        )
        self.answers = _complete(
            counter(
                "rag_answers",
                "Answers that came to their end, by how they ended and by the verdict on them.",
                ["finish_reason", "verdict"],
            ),
            get_args(FinishReason),
            get_args(VerdictName),
        )
        self.degraded = _complete(
            counter("rag_degraded", "Answers that had to do without an optional part.", ["dependency"]),
            ("rewrite", "rerank", "cache", "vector_store"),
        )
        self.guard_cuts = _complete(
            counter("rag_guard_cuts", "What the guard cut out of answers.", ["category"]), ("link", *SECRETS, *PERSONAL)
        )
        self.tokens = _complete(
            counter("rag_tokens", "Tokens of answers and of rewriting, as the model server reports them.", ["kind"]),
            ("prompt", "completion"),
        )

    def _of_cache(self) -> None:
        self.cache = _complete(
            Counter(
                "rag_cache_requests",
                "Questions by what the answer cache did for them; `not_kept` beside it where it took no good answer.",
                ["result"],
                registry=self.registry,
            ),
            get_args(Outcome),
        )

    def _of_dependencies(self) -> None:
        gauge = partial(Gauge, registry=self.registry)
        self.documents = gauge(
            "rag_vector_db_documents",
            "Documents of tenants that have a key or have asked this replica since its start, counted each minute.",
        )
        self.dependency_up = _complete(
            gauge("rag_dependency_up", "1 if the dependency answered its last check, else 0.", ["dependency"]),
            ("vector_store", "generator"),  # and the reranker and the cache where there are any
        )
        self.breaker_open = _complete(
            gauge(
                "rag_circuit_breaker_open",
                "1 while requests to the dependency are refused because it failed five times in a row.",
                ["dependency"],
            ),
            DEPENDENCIES,
        )
        self.spans = _complete(
            Counter(
                "rag_trace_spans",
                "Spans of traces that the collector took, or that were lost.",
                ["outcome"],
                registry=self.registry,
            ),
            ("exported", "lost"),
        )

    def expect(self, endpoints: Collection[str]) -> None:
        """Create the request counters of these routes, at 0."""
        _complete(self.requests, endpoints, STATUSES)

    def count_refused_sign_in(self) -> None:
        self.limited.labels("sign_in").inc()

    def observe_stages(self, timings_ms: Mapping[Stage, float]) -> None:
        """Record the stages of one request; a traced request becomes the exemplar of its buckets."""
        trace = current.get()
        exemplar = {"trace_id": trace.trace_id} if trace and trace.sampled else None
        for stage, milliseconds in timings_ms.items():
            self._of_stage[stage].observe(milliseconds / 1000)
        if "search" in timings_ms:
            self.retrieval.observe(sum(timings_ms.get(stage, 0) for stage in RETRIEVAL_STAGES) / 1000, exemplar)
        if "first_token" in timings_ms:
            self.first_token.observe(timings_ms["first_token"] / 1000, exemplar)
        if "generate" in timings_ms:
            self.generation.observe(timings_ms["generate"] / 1000, exemplar)

    def observe_answer(self, done: Done) -> None:
        """Record a completed answer."""
        self.observe_stages(done.timings_ms)
        self._answers_of(done.finish_reason, done.quality.verdict).inc()
        for dependency in done.degraded:
            self.degraded.labels(dependency).inc()
        for category, cuts in done.removed.items():
            self.guard_cuts.labels(category).inc(cuts)
        self._prompt_tokens.inc(done.prompt_tokens or 0)
        self._completion_tokens.inc(done.completion_tokens or 0)
        if (tokens := done.answer_tokens or 0) > 1 and "stream" in done.timings_ms:
            self.inter_token.observe(done.timings_ms["stream"] / 1000 / (tokens - 1))

    def render(self, accept: str) -> tuple[bytes, str]:
        """Return the exposition and its content type: OpenMetrics, which has exemplars, if the Accept header asks."""
        encode, content_type = choose_encoder(accept)
        return encode(self.registry), content_type


def _complete(metric: Labelled, *values: Collection[str]) -> Labelled:
    """Create the series for every combination of label values."""
    for combination in product(*values):
        metric.labels(*combination)
    return metric
