"""Decides which requests are traced, and builds their spans by OpenTelemetry's HTTP and generative AI conventions.

A request that is not sampled costs no more than its trace id. For a sampled one, stages are recorded as it runs and
spans are built after its answer. No span ever contains a question, a passage, an answer, a tenant, a key, a path or an
error's text.
"""

import logging
import re
import secrets
import time
from collections.abc import AsyncGenerator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from app.rag.events import Done
from app.rag.trace import StageNote, Trace
from app.settings import Settings
from app.telemetry.metrics import Metrics

if TYPE_CHECKING:
    from app.telemetry.otlp import Collector

log = logging.getLogger("ragspan.tracing")

TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?")
"""https://www.w3.org/TR/trace-context/#traceparent-header; a version after 00 may have more at its end."""
SAMPLED = 1
SERVER_FAULTS = 500

Attribute: TypeAlias = str | bool | int | float | list[str]
Attributes: TypeAlias = Mapping[str, Attribute]


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A finished unit of work; times in nanoseconds since the epoch. `parent_id` is empty for a trace's first span."""

    name: str
    trace_id: str
    span_id: str
    parent_id: str
    is_server: bool
    started_ns: int
    ended_ns: int
    attributes: Attributes
    failed: bool


class Tracing:
    """Follows the caller's sampling decision if there is one, else samples by `RAGSPAN_TRACE_SAMPLE_RATIO`.

    Without a collector it builds no spans and forwards the caller's `traceparent` unchanged.
    """

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        self._endpoint, self._metrics = settings.otlp_endpoint, metrics
        self._bound = round(settings.trace_sample_ratio * 2**64)
        self._stages = stage_attributes(settings)
        self._collector: Collector | None = None

    @asynccontextmanager
    async def exporting(self) -> AsyncGenerator[None, None]:
        """Send spans while the block runs, and the remaining ones within a bounded time after it."""
        if not self._endpoint:
            yield
            return
        from app.telemetry.otlp import Collector  # noqa: PLC0415

        self._collector = Collector(self._endpoint, self._metrics)
        try:
            yield
        finally:
            collector, self._collector = self._collector, None
            await collector.close()

    def begin(self, headers: Iterable[tuple[bytes, bytes]]) -> Trace:
        """Start the trace of a request."""
        given = next((value for name, value in headers if name == b"traceparent"), b"").decode("latin-1")
        caller = TRACEPARENT.fullmatch(given) if given else None
        trace_id, parent_id = (caller[1], caller[2]) if caller else (secrets.token_hex(16), "")
        if not self._collector:
            return Trace(trace_id, given if caller else "")
        # The same decision as OpenTelemetry's TraceIdRatioBased, so that services with one ratio keep the same traces.
        sampled = bool(int(caller[3], 16) & SAMPLED) if caller else int(trace_id[16:], 16) < self._bound
        span_id = secrets.token_hex(8)
        return Trace(trace_id, f"00-{trace_id}-{span_id}-0{sampled:d}", span_id, parent_id, sampled)

    def finish(self, trace: Trace, method: str, endpoint: str, status: int) -> None:
        """Send the spans of a finished request if it is sampled. Never fails and never waits."""
        if not trace.sampled or not self._collector:
            return
        try:
            self._collector.take(self._spans(trace, method, endpoint, status))
        except Exception as error:
            log.exception("unforeseen %s while making spans", type(error).__name__)

    def _spans(self, trace: Trace, method: str, endpoint: str, status: int) -> list[Span]:
        now, now_ns = time.monotonic(), time.time_ns()

        def span(name: str, span_id: str, started: float, ended: float, attributes: Attributes, **more: bool) -> Span:
            return Span(
                name=name,
                trace_id=trace.trace_id,
                span_id=span_id,
                parent_id=trace.parent_id if span_id == trace.span_id else trace.span_id,
                is_server=span_id == trace.span_id,
                started_ns=now_ns - int((now - started) * 1e9),
                ended_ns=now_ns - int((now - ended) * 1e9),
                attributes=attributes,
                failed=more["failed"],
            )

        server = _of_request(method, endpoint, status, trace.end)
        spans = [
            span(f"{method} {endpoint}", trace.span_id, trace.started, now, server, failed=status >= SERVER_FAULTS)
        ]
        for note in trace.stages:
            ended = now if note.ended is None else note.ended
            attributes = self._of_stage(note, trace.end)
            spans.append(span(note.stage, note.span_id, note.started, ended, attributes, failed=bool(note.error)))
        return spans

    def _of_stage(self, note: StageNote, end: Done | None) -> Attributes:
        attributes = dict(self._stages.get(note.stage, {}))
        if note.error:
            attributes["error.type"] = note.error
        if note.first_token is not None:
            attributes["gen_ai.response.time_to_first_chunk"] = round(note.first_token - note.started, 6)
        if note.stage == "generate" and end and end.model:
            attributes |= _of_answer(end)
        return attributes


def stage_attributes(settings: Settings) -> Mapping[str, dict[str, Attribute]]:
    """Return the constant attributes of each stage's spans, by
    https://github.com/open-telemetry/semantic-conventions-genai/blob/main/docs/gen-ai/gen-ai-spans.md.
    """
    chat: dict[str, Attribute] = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai" if settings.generator == "openai" else "ragspan",
        "gen_ai.request.model": settings.generator_model or settings.generator,
        "gen_ai.request.stream": True,
    }
    if settings.generator == "openai":
        chat["gen_ai.request.max_tokens"] = settings.generator_max_tokens
    return {
        "rewrite": chat,
        "embed": {
            "gen_ai.operation.name": "embeddings",
            "gen_ai.provider.name": "openai" if settings.embedder == "openai" else "ragspan",
            "gen_ai.request.model": settings.embedder_model or "wordllama",
        },
        "search": {"gen_ai.operation.name": "retrieval", "db.system.name": settings.vector_store},
        "rerank": {
            "gen_ai.operation.name": "rerank",
            "gen_ai.provider.name": settings.reranker,
            "gen_ai.request.model": settings.reranker_model or settings.reranker,
        },
        "generate": chat,
    }


def _of_request(method: str, endpoint: str, status: int, end: Done | None) -> Attributes:
    attributes: dict[str, Attribute] = {
        "http.request.method": method,
        "http.route": endpoint,
        "http.response.status_code": status,
    }
    if status >= SERVER_FAULTS:
        attributes["error.type"] = str(status)
    if end:
        attributes["ragspan.answer.finish_reason"] = end.finish_reason
        attributes["ragspan.answer.verdict"] = end.quality.verdict
        attributes["ragspan.answer.degraded"] = list(end.degraded)
        attributes["ragspan.answer.cached"] = end.cached or "no"
    return attributes


def _of_answer(end: Done) -> dict[str, Attribute]:
    attributes: dict[str, Attribute] = {
        "gen_ai.response.model": end.model or "",
        "gen_ai.response.finish_reasons": [end.finish_reason],
    }
    if end.answer_prompt_tokens is not None:
        attributes["gen_ai.usage.input_tokens"] = end.answer_prompt_tokens
    if end.answer_tokens is not None:
        attributes["gen_ai.usage.output_tokens"] = end.answer_tokens
    return attributes
