"""An OpenTelemetry collector's receiver: OTLP over HTTP on loopback, its messages read by the protocol's own schema.

async with OtlpCollector() as collector:
    ... collector.url, collector.spans, collector.raw ...
"""

import asyncio
import json
from base64 import b64encode
from types import TracebackType
from typing import Any, Self

from aiohttp import web
from google.protobuf import json_format
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

IDS = frozenset({"traceId", "spanId", "parentSpanId"})


class OtlpCollector:
    """Keeps what it is sent. With `status` it refuses; with `holds` it never answers."""

    def __init__(self, *, status: int = 200, holds: bool = False) -> None:
        self.spans: list[Span] = []
        self.resources: list[dict[str, Any]] = []
        self.raw = b""
        self.headers: dict[str, str] = {}
        self.asked = asyncio.Event()
        self._status, self._holds = status, holds

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_post("/v1/traces", self._receive)
        self._runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._runner.cleanup()

    async def _receive(self, request: web.Request) -> web.Response:
        body = await request.read()
        self.headers = dict(request.headers)
        self.asked.set()
        if self._holds:
            await asyncio.Event().wait()
        if self._status == 200:
            self._keep(body)
        return web.Response(status=self._status)

    def _keep(self, body: bytes) -> None:
        self.raw += body
        message = json_format.ParseDict(json.loads(body, object_hook=_with_bytes), ExportTraceServiceRequest())
        for of_resource in message.resource_spans:
            self.resources.append({a.key: value_of(a.value) for a in of_resource.resource.attributes})
            for of_scope in of_resource.scope_spans:
                self.spans.extend(of_scope.spans)

    def named(self, name: str) -> Span:
        """Return the one span of this name."""
        (span,) = [span for span in self.spans if span.name == name]
        return span


def _with_bytes(fields: dict[str, Any]) -> dict[str, Any]:
    """OTLP writes ids in hexadecimal, where protobuf's JSON has base64."""
    return {name: b64encode(bytes.fromhex(value)).decode() if name in IDS else value for name, value in fields.items()}


def value_of(value: AnyValue) -> Any:
    kind = value.WhichOneof("value")
    return [value_of(v) for v in value.array_value.values] if kind == "array_value" else getattr(value, kind or "")


def attributes_of(span: Span) -> dict[str, Any]:
    return {attribute.key: value_of(attribute.value) for attribute in span.attributes}
