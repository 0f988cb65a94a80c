"""Counts and logs every request in the outermost layer, so that requests refused by the gate are included."""

import logging
import time
from collections.abc import Awaitable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.errors import log_error, response_to
from app.rag.trace import Trace, current
from app.telemetry.metrics import Metrics
from app.telemetry.tracing import Tracing

log = logging.getLogger("ragspan.request")

OUTCOME_SCOPE_KEY = "ragspan.outcome"
"""A route sets this to the status that its answer deserved if that differs from the 200 sent before a stream."""
REQUEST_ID = b"x-request-id"
"""Tells whoever asked the trace's id, by which an operator finds what became of the request."""
CLIENT_GONE = 499
"""nginx's status for a client that left before the answer."""
QUIET_ENDPOINTS = frozenset({"/healthz", "/readyz", "/metrics"})


class RequestTelemetry:
    """ASGI middleware. The `endpoint` label is the route's pattern, never the path, which may contain anything.

    Of a request that no route saw, since the gate refused it, it is the path if that is one of `endpoints`.
    """

    def __init__(self, app: ASGIApp, endpoints: frozenset[str], metrics: Metrics, tracing: Tracing) -> None:
        self.app, self.endpoints = app, endpoints
        self.metrics, self.tracing = metrics, tracing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        status = CLIENT_GONE
        trace = self.tracing.begin(scope["headers"])
        token = current.set(trace)

        def send_counted(message: Message) -> Awaitable[None]:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message = {**message, "headers": [*message["headers"], (REQUEST_ID, trace.trace_id.encode())]}
            return send(message)

        try:
            await self.app(scope, receive, send_counted)
        except Exception as error:
            if status != CLIENT_GONE:  # an answer has begun: whoever reads it learns from its broken end
                status = 500
                log_error(error)
                raise
            await response_to(error)(scope, receive, send_counted)
        finally:
            self._finish(scope, scope.get(OUTCOME_SCOPE_KEY, status), trace)
            current.reset(token)

    def _finish(self, scope: Scope, status: int, trace: Trace) -> None:
        seconds = time.monotonic() - trace.started
        path = scope["path"]
        endpoint = getattr(scope.get("route"), "path", path if path in self.endpoints else "unmatched")
        self.metrics.requests_of(endpoint, str(status)).inc()
        if endpoint not in QUIET_ENDPOINTS:
            self.tracing.finish(trace, scope["method"], endpoint, status)
        fields = {"method": scope["method"], "endpoint": endpoint, "status": status, "ms": round(seconds * 1000, 1)}
        if trace.answer_id:
            fields["answer_id"] = trace.answer_id
        level = logging.DEBUG if endpoint in QUIET_ENDPOINTS else logging.INFO
        log.log(level, "%s %s %d", scope["method"], endpoint, status, extra=fields)
