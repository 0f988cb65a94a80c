"""Sends spans to an OpenTelemetry collector: OTLP over HTTP as JSON, with the same client that asks model servers.

Spans that the collector does not take in time are dropped and counted; no request waits for it or fails because of it.
https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding
"""

import asyncio
import contextlib
import logging
import os
import re
from collections import deque
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Any
from urllib.parse import unquote

from app.adapters.http import ModelServer
from app.adapters.http_client import HttpClient
from app.ports import DependencyUnavailable
from app.settings.tracing import TRACES_PATH
from app.telemetry.metrics import Metrics
from app.telemetry.tracing import Attribute, Span

log = logging.getLogger("ragspan.tracing")

MAX_PENDING = 2048
"""Spans waiting for a slow collector: some hundred requests' worth, or 2 MB."""
BATCH = 256
"""Small enough that serialising a batch delays requests by a few milliseconds at most."""
EVERY_S = 2.0
EXPORT_TIMEOUT_S = 3.0
FLUSH_S = 3.0
"""Time for sending what is left at shutdown."""

KIND_SERVER, KIND_CLIENT = 2, 3
STATUS_ERROR = 2
SAMPLED, KNOWS_ITS_PARENTS_PLACE, PARENT_IS_REMOTE = 0x1, 0x100, 0x200
"""Values of https://github.com/open-telemetry/opentelemetry-proto/blob/main/opentelemetry/proto/trace/v1/trace.proto."""
FIELD = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+: [\x20-\x7e]+")


class Collector:
    """Queues finished spans and sends them in batches, in a task of its own."""

    def __init__(self, endpoint: str, metrics: Metrics) -> None:
        self._client = HttpClient(EXPORT_TIMEOUT_S)
        fields = [f"{name}: {value}" for name, value in listed("OTEL_EXPORTER_OTLP_HEADERS").items()]
        head = "".join(f"{field}\r\n" for field in fields if FIELD.fullmatch(field))
        self._server = ModelServer(self._client, endpoint, None, "collector", fields=head)
        self._endpoint = endpoint
        self._exported, self._lost = (metrics.spans.labels(outcome) for outcome in ("exported", "lost"))
        own = {"service.name": "ragspan", "service.version": version("ragspan")}
        self._resource = {"attributes": _attributes({**listed("OTEL_RESOURCE_ATTRIBUTES"), **own})}
        self._scope = {"name": "ragspan", "version": version("ragspan")}
        self._waiting = deque[Span]()
        self._in_flight = 0
        self._wake = asyncio.Event()
        self._is_away = self._is_closing = False
        self._task = asyncio.create_task(self._send_all())

    def take(self, spans: Sequence[Span]) -> None:
        """Queue all spans of a request, or drop all of them."""
        if len(self._waiting) + self._in_flight + len(spans) > MAX_PENDING:
            self._lost.inc(len(spans))
            return
        self._waiting.extend(spans)
        if len(self._waiting) >= BATCH:
            self._wake.set()

    async def close(self) -> None:
        """Send what is left within `FLUSH_S`, then stop."""
        self._is_closing = True
        self._wake.set()
        await asyncio.wait({self._task}, timeout=FLUSH_S)
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task
        if self._waiting:
            self._settle(len(self._waiting), has_arrived=False)
        await self._client.__aexit__()

    async def _send_all(self) -> None:
        while not self._is_closing or self._waiting:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(EVERY_S):
                    await self._wake.wait()
            while self._waiting:
                await self._send([self._waiting.popleft() for _ in range(min(BATCH, len(self._waiting)))])
            if not self._is_closing:
                self._wake.clear()

    async def _send(self, spans: Sequence[Span]) -> None:
        self._in_flight, has_arrived = len(spans), False
        of_scope = {"scope": self._scope, "spans": [_encoded(span) for span in spans]}
        message = {"resourceSpans": [{"resource": self._resource, "scopeSpans": [of_scope]}]}
        try:
            async with asyncio.timeout(EXPORT_TIMEOUT_S), self._server.post(TRACES_PATH, message) as answer:
                await answer.read()
            has_arrived = True
        except (DependencyUnavailable, TimeoutError):
            pass
        finally:
            self._in_flight = 0
            self._settle(len(spans), has_arrived=has_arrived)

    def _settle(self, spans: int, *, has_arrived: bool) -> None:
        (self._exported if has_arrived else self._lost).inc(spans)
        if has_arrived == self._is_away:
            self._is_away = not has_arrived
            state = "takes traces again" if has_arrived else "takes no traces; they are lost"
            log.warning("the collector at %s %s", self._endpoint, state)


def listed(variable: str) -> dict[str, str]:
    """Return an OpenTelemetry variable's entries: `name=value`, separated by commas, values percent-encoded."""
    pairs = [entry.partition("=") for entry in os.environ.get(variable, "").split(",")]
    return {name.strip(): unquote(value.strip()) for name, separator, value in pairs if separator and name.strip()}


def _encoded(span: Span) -> dict[str, Any]:
    """Return a span as OTLP writes it in JSON: ids in hexadecimal, 64-bit numbers as text."""
    encoded: dict[str, Any] = {
        "traceId": span.trace_id,
        "spanId": span.span_id,
        "name": span.name,
        "kind": KIND_SERVER if span.is_server else KIND_CLIENT,
        "startTimeUnixNano": str(span.started_ns),
        "endTimeUnixNano": str(span.ended_ns),
        "attributes": _attributes(span.attributes),
        "status": {"code": STATUS_ERROR} if span.failed else {},
        "flags": SAMPLED | KNOWS_ITS_PARENTS_PLACE,
    }
    if span.parent_id:
        encoded["parentSpanId"] = span.parent_id
        encoded["flags"] |= PARENT_IS_REMOTE if span.is_server else 0
    return encoded


def _attributes(attributes: Mapping[str, Attribute]) -> list[dict[str, Any]]:
    return [{"key": key, "value": _value(value)} for key, value in attributes.items()]


def _value(value: Attribute) -> dict[str, Any]:
    match value:
        case bool():
            return {"boolValue": value}
        case int():
            return {"intValue": str(value)}
        case float():
            return {"doubleValue": value}
        case str():
            return {"stringValue": value}
        case _:
            return {"arrayValue": {"values": [_value(part) for part in value]}}
