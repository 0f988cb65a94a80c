"""Spans to an OpenTelemetry collector: OTLP over HTTP, by OpenTelemetry's own SDK, from a thread of its own.

What the collector does not take in time is lost and counted; no request waits for it, and none fails with it.
"""

import asyncio
import logging
from collections.abc import Sequence
from importlib.metadata import version

import requests
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags

from app.settings.tracing import TRACES_PATH
from app.telemetry.metrics import Metrics
from app.telemetry.tracing import Span

log = logging.getLogger("ragspan.tracing")

SAMPLED = TraceFlags(TraceFlags.SAMPLED)
UNSET, ERROR = Status(StatusCode.UNSET), Status(StatusCode.ERROR)

MAX_PENDING = 2048
"""Spans, some hundred requests' worth or 2 MB, that wait for a collector that is slow."""
BATCH = 256
"""Small enough that making the message holds other threads up for a few milliseconds at most."""
EVERY_MS = 2000
EXPORT_TIMEOUT_S = 3.0
FLUSH_S = 3.0
"""For what is left at the end; a call under way then has `EXPORT_TIMEOUT_S` of its own at most."""


class Collector:
    """Takes finished spans; for the event loop's thread alone."""

    def __init__(self, endpoint: str, metrics: Metrics) -> None:
        # It speaks of each batch that fails; we speak of the first.
        logging.getLogger("opentelemetry").setLevel("CRITICAL")
        self._exporter = _CountingExporter(endpoint, metrics)
        self._processor = BatchSpanProcessor(
            self._exporter, max_queue_size=MAX_PENDING, schedule_delay_millis=EVERY_MS, max_export_batch_size=BATCH
        )
        self._scope = InstrumentationScope("ragspan", version("ragspan"))
        self._resource = Resource.create({"service.name": "ragspan", "service.version": version("ragspan")})

    def take(self, spans: Sequence[Span]) -> None:
        """Queue the spans of a request, all or none of them."""
        if self._exporter.admit(len(spans)):
            for span in spans:
                self._processor.on_end(self._readable(span))

    def _readable(self, span: Span) -> ReadableSpan:
        """Make what the SDK exports; its tracer, for spans under way, would do so in eight times the time."""
        trace_id = int(span.trace_id, 16)
        own = SpanContext(trace_id, int(span.span_id, 16), is_remote=False, trace_flags=SAMPLED)
        parent = None
        if span.parent_id:
            parent = SpanContext(trace_id, int(span.parent_id, 16), is_remote=span.is_server, trace_flags=SAMPLED)
        return ReadableSpan(
            span.name,
            own,
            parent,
            self._resource,
            span.attributes,
            kind=SpanKind.SERVER if span.is_server else SpanKind.CLIENT,
            status=ERROR if span.failed else UNSET,
            start_time=span.started_ns,
            end_time=span.ended_ns,
            instrumentation_scope=self._scope,
        )

    async def close(self) -> None:
        """Send what is left, within `FLUSH_S` and a last call's time."""
        flushed = asyncio.create_task(asyncio.to_thread(self._processor.shutdown))
        await asyncio.wait({flushed}, timeout=FLUSH_S)
        self._exporter.give_up()
        await flushed


class _CountingExporter(SpanExporter):
    """Counts what arrives and what does not, and lets no more wait than `MAX_PENDING`."""

    def __init__(self, endpoint: str, metrics: Metrics) -> None:
        session = requests.Session()
        session.trust_env = False  # neither a proxy nor credentials of a .netrc
        self._inner = OTLPSpanExporter(endpoint + TRACES_PATH, timeout=EXPORT_TIMEOUT_S, session=session)
        self._exported, self._lost = (metrics.spans.labels(outcome) for outcome in ("exported", "lost"))
        self._endpoint = endpoint
        # Each is written by one thread only, so that none needs a lock.
        self._admitted, self._settled = 0, 0
        self._is_away = self._has_given_up = False

    def admit(self, spans: int) -> bool:
        """Whether so many more may wait; if not, they are lost."""
        if self._admitted - self._settled + spans > MAX_PENDING:
            self._lost.inc(spans)
            return False
        self._admitted += spans
        return True

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        result = SpanExportResult.FAILURE if self._has_given_up else self._inner.export(spans)
        has_arrived = result is SpanExportResult.SUCCESS
        (self._exported if has_arrived else self._lost).inc(len(spans))
        self._settled += len(spans)
        if has_arrived == self._is_away:
            self._is_away = not has_arrived
            state = "takes traces again" if has_arrived else "takes no traces; they are lost"
            log.warning("the collector at %s %s", self._endpoint, state)
        return result

    def give_up(self) -> None:
        """Lose what is left."""
        if not self._has_given_up:
            self._has_given_up = True
            self._inner.shutdown()

    def shutdown(self) -> None:
        self.give_up()
