"""What the platform sees: alive, ready, degraded, draining, and the metrics by their names."""

import asyncio

import httpx
import pytest

from app.ports import DependencyUnavailable, Health, IndexMismatch
from tests.app.api.conftest import Serve
from tests.support.fake_ports import FakeGenerator, FakeStore

pytestmark = pytest.mark.anyio
QUESTION = {"query": "Which colour?"}


async def test_a_healthy_service_is_ready(client: httpx.AsyncClient) -> None:
    response = await client.get("/readyz")
    assert (response.status_code, response.json()) == (200, {"status": "ready", "degraded": []})


async def test_a_lost_generator_keeps_the_replica_ready_and_is_named(serve: Serve, generator: FakeGenerator) -> None:
    generator.is_up = False
    async with serve() as client:
        response = await client.get("/readyz")
        assert (response.status_code, response.json()["degraded"]) == (200, ["generator"])
        assert 'rag_dependency_up{dependency="generator"} 0.0' in (await client.get("/metrics")).text


async def test_a_store_that_is_away_at_start_is_named_and_answers_503(serve: Serve, store: FakeStore) -> None:
    store.open_error = DependencyUnavailable("vector_store", "refused")
    async with serve() as client:
        assert (await client.get("/readyz")).json() == {"status": "ready", "degraded": ["vector_store"]}
        assert (await client.post("/v1/query", json=QUESTION)).status_code == 503
        assert (await client.get("/healthz")).status_code == 200


async def test_a_store_that_comes_just_after_its_clients_is_found_soon(serve: Serve, store: FakeStore) -> None:
    store.open_error = DependencyUnavailable("vector_store", "refused")
    async with serve() as client, asyncio.timeout(5):
        store.open_error = None
        while (await client.get("/readyz")).json()["degraded"]:
            pass
        assert (await client.post("/v1/query", json=QUESTION)).status_code == 200


async def test_a_store_that_answers_nonsense_counts_as_away_and_what_it_said_is_not_logged(
    serve: Serve, store: FakeStore, caplog: pytest.LogCaptureFixture
) -> None:
    store.open_error = KeyError("secret-of-the-store")
    async with serve() as client:
        assert (await client.get("/readyz")).json() == {"status": "ready", "degraded": ["vector_store"]}
    assert "the index cannot be opened: unforeseen KeyError" in caplog.messages
    assert "secret-of-the-store" not in str(caplog.messages)


async def test_a_model_server_whose_check_fails_unforeseen_counts_as_away(
    serve: Serve, generator: FakeGenerator, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def health() -> Health:
        raise KeyError("models")

    monkeypatch.setattr(generator, "health", health)
    async with serve() as client:
        assert (await client.get("/readyz")).json() == {"status": "ready", "degraded": ["generator"]}


async def test_an_index_of_another_embedder_is_not_ready_and_answers_nothing(serve: Serve, store: FakeStore) -> None:
    store.open_error = IndexMismatch("other model")
    async with serve() as client:
        response = await client.get("/readyz")
        assert (response.status_code, response.json()["status"]) == (503, "index_mismatch")
        problem = (await client.post("/v1/query", json=QUESTION)).json()
        assert (problem["status"], "rebuild" in problem["detail"]) == (503, True)


async def test_metrics_have_the_names_that_dashboards_use(client: httpx.AsyncClient) -> None:
    await client.post("/v1/query", json=QUESTION)
    await client.get("/v1/secret-path?question=SECRET")
    text = (await client.get("/metrics")).text
    for line in (
        'rag_requests_total{endpoint="/v1/query",status="200"} 1.0',
        'rag_requests_total{endpoint="unmatched",status="404"} 1.0',
        "rag_retrieval_latency_seconds_count 1.0",
        "rag_generation_latency_seconds_count 1.0",
        "rag_time_to_first_token_seconds_count 1.0",
        'rag_stage_latency_seconds_count{stage="embed"} 1.0',
        'rag_tokens_total{kind="completion"} 2.0',
        "rag_active_queries 0.0",
        "rag_vector_db_documents 0.0",
    ):
        assert line in text
    assert "secret" not in text.lower()
