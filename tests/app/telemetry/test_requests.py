"""The request log and counter, in front of a small application."""

import asyncio
import logging
from typing import Any

import pytest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.rag.trace import current
from app.settings import Settings
from app.telemetry.metrics import Metrics
from app.telemetry.requests import RequestTelemetry
from app.telemetry.tracing import Tracing

TRACE = "0af7651916cd43dd8448eb211c80319c"


async def no_body() -> Message:
    return {"type": "http.request", "body": b""}


async def ignore(_message: Message) -> None: ...


traces: list[str | None] = []


def telemetry(app: ASGIApp, metrics: Metrics) -> RequestTelemetry:
    return RequestTelemetry(app, frozenset(), metrics, Tracing(Settings(), metrics))


async def answers(scope: Scope, receive: Receive, send: Send) -> None:
    trace = current.get()
    traces.append(trace and trace.trace_id)
    await send({"type": "http.response.start", "status": 201, "headers": []})


async def fails(scope: Scope, receive: Receive, send: Send) -> None:
    raise RuntimeError


def scope(**more: Any) -> Scope:
    traceparent = f"00-{TRACE}-b7ad6b7169203331-01".encode()
    return {"type": "http", "method": "POST", "path": "/secret", "headers": [(b"traceparent", traceparent)], **more}


def test_a_request_is_logged_with_the_callers_trace_and_without_its_path(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="ragspan.request")
    metrics = Metrics()
    traces.clear()
    asyncio.run(telemetry(answers, metrics)(scope(), no_body, ignore))
    assert (traces, current.get()) == ([TRACE], None)
    assert [logged.getMessage() for logged in caplog.records] == ["POST unmatched 201"]
    assert b'rag_requests_total{endpoint="unmatched",status="201"} 1.0' in metrics.render("")[0]


def test_a_crash_counts_as_a_500() -> None:
    metrics = Metrics()
    asyncio.run(telemetry(fails, metrics)(scope(), no_body, ignore))
    assert b'status="500"} 1.0' in metrics.render("")[0]


def test_a_crash_in_the_middle_of_an_answer_ends_its_connection_and_counts_as_a_500() -> None:
    async def begins(scope: Scope, receive: Receive, send: Send) -> None:
        await answers(scope, receive, send)
        raise RuntimeError

    metrics = Metrics()
    with pytest.raises(RuntimeError):
        asyncio.run(telemetry(begins, metrics)(scope(), no_body, ignore))
    assert b'status="500"} 1.0' in metrics.render("")[0]
