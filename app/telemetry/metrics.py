"""Metrics in the Prometheus format, in a registry of their own: two services in one process share nothing."""

from collections.abc import Mapping

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)

from app.rag.run import Stage

LATENCY_BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 4, 8, 12, 16, 20, 30)
"""Fine around the promises: first token within 2 s, whole answer within 20 s."""

RETRIEVAL_STAGES: tuple[Stage, ...] = ("embed", "search", "rerank")


class Metrics:
    """The service's metrics, by the names that dashboards and alerts use."""

    def __init__(self) -> None:
        disable_created_metrics()  # they would double the series and nothing reads them
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        self.requests = Counter(
            "rag_requests", "Requests by route and status; a stream that fails counts by its error's status.",
            ["endpoint", "status"], registry=registry,
        )  # fmt: skip
        self.retrieval = self._latency(
            "rag_retrieval_latency_seconds", "Embedding the question, searching and reranking."
        )
        self.generation = self._latency("rag_generation_latency_seconds", "From the prompt to the last token.")
        self.first_token = self._latency("rag_time_to_first_token_seconds", "From the request to the first token.")
        self.stages = Histogram(
            "rag_stage_latency_seconds", "Each stage of an answer.", ["stage"],
            buckets=LATENCY_BUCKETS_S, registry=registry,
        )  # fmt: skip
        self.active_queries = Gauge("rag_active_queries", "Questions being answered now.", registry=registry)
        self.waiting_queries = Gauge("rag_waiting_queries", "Questions that wait for a place.", registry=registry)
        self.tokens = Counter("rag_tokens", "Tokens that the generator reports.", ["kind"], registry=registry)
        self.feedback = Counter("rag_feedback", "Answers that users rated.", ["rating"], registry=registry)
        self.documents = Gauge("rag_vector_db_documents", "Documents in the index, all tenants.", registry=registry)
        self.dependency_up = Gauge(
            "rag_dependency_up", "1 if the dependency answered its last check, else 0.", ["dependency"],
            registry=registry,
        )  # fmt: skip
        self.spans = Counter(
            "rag_trace_spans", "Spans of traces that the collector took, or that were lost.", ["outcome"],
            registry=registry,
        )  # fmt: skip
        self.breaker_open = Gauge(
            "rag_circuit_breaker_open", "1 while requests to the dependency are refused because it keeps failing.",
            ["dependency"], registry=registry,
        )  # fmt: skip

    def _latency(self, name: str, documentation: str) -> Histogram:
        return Histogram(name, documentation, buckets=LATENCY_BUCKETS_S, registry=self.registry)

    def observe_stages(self, timings_ms: Mapping[Stage, float]) -> None:
        """Record the stages that one request went through."""
        for stage, milliseconds in timings_ms.items():
            self.stages.labels(stage).observe(milliseconds / 1000)
        if "search" in timings_ms:
            self.retrieval.observe(sum(timings_ms.get(stage, 0) for stage in RETRIEVAL_STAGES) / 1000)
        if "first_token" in timings_ms:
            self.first_token.observe(timings_ms["first_token"] / 1000)
        if "generate" in timings_ms:
            self.generation.observe(timings_ms["generate"] / 1000)

    def count_tokens(self, prompt: int | None, completion: int | None) -> None:
        """Count what the generator reports of one answer."""
        self.tokens.labels("prompt").inc(prompt or 0)
        self.tokens.labels("completion").inc(completion or 0)

    def render(self) -> bytes:
        """Return the exposition text, content type `text/plain; version=0.0.4; charset=utf-8`."""
        return generate_latest(self.registry)
