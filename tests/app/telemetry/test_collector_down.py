"""A collector that is away, slow or refuses costs no request anything; what it does not take is lost and counted."""

import asyncio
import logging
import secrets
import time

import pytest

from app.telemetry import otlp
from app.telemetry.metrics import Metrics
from app.telemetry.otlp import MAX_PENDING, Collector
from app.telemetry.tracing import Span
from tests.app.api.conftest import Serve, anyio_backend, clean_environment, embedder, generator, reranker, serve, store
from tests.support.otlp_collector import OtlpCollector

__all__ = ["anyio_backend", "clean_environment", "embedder", "generator", "reranker", "serve", "store"]

pytestmark = pytest.mark.anyio
NOBODY = "http://127.0.0.1:9"


@pytest.fixture
def short_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(otlp, "FLUSH_S", 0.3)
    monkeypatch.setattr(otlp, "EXPORT_TIMEOUT_S", 0.3)


def spans(number: int) -> list[Span]:
    def span() -> Span:
        return Span(
            name="POST /v1/query",
            trace_id=secrets.token_hex(16),
            span_id=secrets.token_hex(8),
            parent_id="",
            is_server=True,
            started_ns=1,
            ended_ns=2,
            attributes={},
            failed=False,
        )

    return [span() for _ in range(number)]


def counted(metrics: Metrics) -> dict[str, float]:
    (family,) = metrics.spans.collect()
    return {sample.labels["outcome"]: sample.value for sample in family.samples}


async def test_what_arrives_is_counted_and_what_is_left_at_the_end_is_sent() -> None:
    metrics = Metrics()
    async with OtlpCollector() as server:
        collector = Collector(server.url, metrics)
        collector.take(spans(3))
        await collector.close()
    assert (len(server.spans), counted(metrics)) == (3, {"exported": 3, "lost": 0})


@pytest.mark.usefixtures("short_patience")
@pytest.mark.parametrize("status", [400, 503, None])
async def test_what_a_collector_refuses_is_lost_and_said_once(
    status: int | None, caplog: pytest.LogCaptureFixture
) -> None:
    metrics = Metrics()
    async with OtlpCollector(status=status or 200) as server:
        collector = Collector(server.url if status else NOBODY, metrics)
        collector.take(spans(otlp.BATCH + 1))
        await collector.close()
    assert counted(metrics) == {"exported": 0, "lost": otlp.BATCH + 1}
    said = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert [("takes no traces" in message) for message in said] == [True]


@pytest.mark.usefixtures("short_patience")
async def test_a_collector_that_never_answers_delays_neither_requests_nor_the_end() -> None:
    metrics = Metrics()
    async with OtlpCollector(holds=True) as server:
        collector = Collector(server.url, metrics)
        collector.take(spans(otlp.BATCH))
        await asyncio.wait_for(server.asked.wait(), 10)
        collector.take(spans(MAX_PENDING - otlp.BATCH))
        collector.take(spans(6))
        assert counted(metrics)["lost"] >= 6, "the queue is bounded, whole requests are left out"
        began = time.monotonic()
        await collector.close()
        assert time.monotonic() - began < 3
    assert counted(metrics) == {"exported": 0, "lost": MAX_PENDING + 6}


@pytest.mark.usefixtures("short_patience")
async def test_questions_are_answered_as_if_the_collector_were_there(serve: Serve) -> None:
    async with serve(otlp_endpoint=NOBODY, trace_sample_ratio=1) as client:
        answers = await asyncio.gather(*(client.post("/v1/query", json={"query": "Which?"}) for _ in range(20)))
    assert [answer.status_code for answer in answers] == [200] * 20
