"""Counts and logs every request at the outermost layer, so that what the gate refuses is counted too."""

import logging
import re
import secrets
import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.telemetry.logs import trace_id
from app.telemetry.metrics import Metrics

log = logging.getLogger("ragspan.request")

OUTCOME_SCOPE_KEY = "ragspan.outcome"
"""A route puts here the status that its answer deserves when the one it sent, 200 before a stream, proved wrong."""
ENDPOINT_SCOPE_KEY = "ragspan.endpoint"
"""Middleware that answers in place of a route puts that route's pattern here."""
TRACEPARENT = re.compile(rb"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")
CLIENT_GONE = 499
"""As nginx counts a client that left before the answer."""
QUIET_ENDPOINTS = frozenset({"/healthz", "/readyz", "/metrics"})


def _trace_id(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name == b"traceparent" and (match := TRACEPARENT.fullmatch(value)):
            return match.group(1).decode()
    return secrets.token_hex(16)


class RequestTelemetry:
    """ASGI middleware. The endpoint is the route's pattern, never the path, which may hold anything."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self.app = app
        self.metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        started = time.monotonic()
        status = CLIENT_GONE
        token = trace_id.set(_trace_id(scope))

        async def send_counted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, send_counted)
        except Exception:
            status = 500  # sent by the layer outside this one
            raise
        finally:
            self._finish(scope, scope.get(OUTCOME_SCOPE_KEY, status), time.monotonic() - started)
            trace_id.reset(token)

    def _finish(self, scope: Scope, status: int, seconds: float) -> None:
        endpoint = scope.get(ENDPOINT_SCOPE_KEY) or getattr(scope.get("route"), "path", "unmatched")
        self.metrics.requests.labels(endpoint, str(status)).inc()
        log.log(
            logging.DEBUG if endpoint in QUIET_ENDPOINTS else logging.INFO,
            "%s %s %d", scope["method"], endpoint, status,
            extra={"method": scope["method"], "endpoint": endpoint, "status": status, "ms": round(seconds * 1000, 1)},
        )  # fmt: skip
