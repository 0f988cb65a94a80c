"""R1 and R6: a dependency that stays down costs one fast refusal, names itself, and is found again when it returns."""

from statistics import median

import httpx
import pytest

from app.ports import DependencyUnavailable
from app.rag.breaker import FAILURES_TO_OPEN, OPEN_S
from tests.app.api.conftest import Serve
from tests.app.faults.conftest import ServeChat
from tests.support.fake_ports import FakeEmbedder, FakeStore
from tests.support.openai_server import ChatScript, OpenAiServer

pytestmark = pytest.mark.anyio
QUESTION = {"query": "Which colour is the sky?"}


async def broken(client: httpx.AsyncClient) -> httpx.Response:
    """Ask until the breaker must be open; return what comes then."""
    for _ in range(FAILURES_TO_OPEN):
        assert (await client.post("/v1/query", json=QUESTION)).status_code in {502, 503, 504}
    return await client.post("/v1/query", json=QUESTION)


@pytest.mark.parametrize("path", ["/v1/query", "/v1/retrieve"])
async def test_a_store_that_hangs_is_refused_at_once_when_its_breaker_is_open(
    serve: Serve, store: FakeStore, path: str
) -> None:
    store.hang = True
    async with serve(retrieval_timeout_s=0.02) as client:
        await broken(client)
        responses = [await client.post(path, json=QUESTION) for _ in range(3)]
        ready = await client.get("/readyz")
        metrics = (await client.get("/metrics")).text
    assert {response.status_code for response in responses} == {503}
    assert median(response.elapsed.total_seconds() for response in responses) < 0.3
    assert 1 <= int(responses[0].headers["Retry-After"]) <= OPEN_S
    assert (ready.status_code, ready.json()) == (200, {"status": "ready", "degraded": ["vector_store"]})
    assert 'rag_circuit_breaker_open{dependency="vector_store"} 1.0' in metrics
    assert len(store.searches) == FAILURES_TO_OPEN


@pytest.mark.parametrize("returns", [True, False])
async def test_one_probe_decides_whether_a_store_is_back(
    serve: Serve, store: FakeStore, monkeypatch: pytest.MonkeyPatch, returns: bool
) -> None:
    store.error = DependencyUnavailable("vector_store", "refused")
    async with serve() as client:
        await broken(client)
        store.error = None if returns else store.error
        with monkeypatch.context() as later:
            later.setattr("app.rag.breaker.OPEN_S", 0)
            probe = await client.post("/v1/query", json=QUESTION)
        after = await client.post("/v1/query", json=QUESTION)
        degraded = (await client.get("/readyz")).json()["degraded"]
    statuses = [probe.status_code, after.status_code]
    assert (statuses, degraded) == (([200, 200], []) if returns else ([503, 503], ["vector_store"]))
    assert len(store.searches) == FAILURES_TO_OPEN + (2 if returns else 1)


async def test_an_embedder_that_is_down_is_named_though_nothing_checks_it(
    serve: Serve, store: FakeStore, embedder: FakeEmbedder
) -> None:
    embedder.error = DependencyUnavailable("embedder", "refused")
    async with serve() as client:
        await broken(client)
        assert (await client.get("/readyz")).json()["degraded"] == ["embedder"]
    assert store.searches == []


async def test_a_generator_that_is_down_costs_no_search_once_its_breaker_is_open(
    serve_chat: ServeChat, store: FakeStore
) -> None:
    script = ChatScript(statuses=[500] * 2 * FAILURES_TO_OPEN)
    async with OpenAiServer(script) as llm, serve_chat(llm.url) as client:
        response = await broken(client)
        streamed = await client.post("/v1/query", json={**QUESTION, "stream": True})
    assert (response.status_code, streamed.status_code) == (503, 503)
    assert "SECRET" not in response.text + streamed.text
    assert (len(store.searches), len(llm.requests)) == (FAILURES_TO_OPEN, 2 * FAILURES_TO_OPEN)


@pytest.mark.parametrize("status", [400, 413, 422])
async def test_a_request_that_a_model_refuses_is_told_to_who_asked_and_stops_nobody_else(
    serve_chat: ServeChat, status: int
) -> None:
    script = ChatScript(statuses=[status] * FAILURES_TO_OPEN)
    async with OpenAiServer(script) as llm, serve_chat(llm.url) as client:
        refused = [await client.post("/v1/query", json=QUESTION) for _ in range(FAILURES_TO_OPEN)]
        answered = await client.post("/v1/query", json=QUESTION)
        ready = (await client.get("/readyz")).json()
    assert {(response.status_code, response.json()["refused_by"]) for response in refused} == {(422, "generator")}
    assert "SECRET" not in refused[0].text
    assert (answered.status_code, ready) == (200, {"status": "ready", "degraded": []})


async def test_an_answer_under_way_is_not_cut_by_a_breaker_that_opens(serve_chat: ServeChat) -> None:
    script = ChatScript(pieces=("one", "two"), stall_after=1)
    streamed = {**QUESTION, "stream": True}
    async with (
        OpenAiServer(script) as llm,
        serve_chat(llm.url) as client,
        client.stream("POST", "/v1/query", json=streamed) as response,
    ):
        lines = response.aiter_lines()
        while await anext(lines) != "event: token":
            pass
        script.statuses = [500] * 2 * FAILURES_TO_OPEN
        assert (await broken(client)).status_code == 503
        llm.resume.set()
        rest = [line async for line in lines]
    assert "event: done" in rest
