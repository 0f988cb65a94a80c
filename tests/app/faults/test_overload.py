"""R12: more questions than places: some wait, the rest is turned away at once, and nothing of it stays behind."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import httpx
import pytest

from app.api.admission import MAX_WAIT_S
from tests.app.faults.conftest import ServeChat
from tests.support.openai_server import ChatScript, OpenAiServer

pytestmark = pytest.mark.anyio
QUESTION = {"query": "Which colour is the sky?"}
PLACES, QUEUE = 2, 1


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who waits does so until the test lets it go on, however slow the machine."""
    monkeypatch.setattr("app.api.admission.MAX_WAIT_S", 60)


async def ask(client: httpx.AsyncClient, **fields: object) -> httpx.Response:
    return await client.post("/v1/query", json={**QUESTION, **fields})


@asynccontextmanager
async def full_house(
    serve_chat: ServeChat, queue: int = QUEUE
) -> AsyncGenerator[tuple[httpx.AsyncClient, OpenAiServer, list[asyncio.Task[httpx.Response]]], None]:
    """Every place taken by a question that the model server does not answer yet, and so the queue."""
    script = ChatScript(stall_after=0)
    async with (
        OpenAiServer(script) as llm,
        serve_chat(llm.url, max_active_queries=PLACES, max_waiting_queries=queue, request_timeout_s=60) as client,
    ):
        asked = [asyncio.create_task(ask(client, stream=True)) for _ in range(PLACES + queue)]
        while f"rag_waiting_queries {queue}.0" not in (await client.get("/metrics")).text:
            pass
        for _ in range(PLACES):
            await llm.asked.acquire()
        try:
            yield client, llm, asked
        finally:
            llm.resume.set()
            await asyncio.gather(*asked)


@pytest.mark.parametrize("path", ["/query", "/v1/query", "/v1/retrieve"])
async def test_one_too_many_is_turned_away_without_a_wait(
    serve_chat: ServeChat, caplog: pytest.LogCaptureFixture, path: str
) -> None:
    caplog.set_level("INFO", "ragspan.request")
    async with full_house(serve_chat) as (client, _, _):
        responses = [await client.post(path, json=QUESTION) for _ in range(5)]
        metrics = (await client.get("/metrics")).text
    assert {r.status_code for r in responses} == {429}
    assert responses[0].headers["Retry-After"] == "1"
    assert responses[0].headers["content-type"] == "application/problem+json"
    assert min(vars(record)["ms"] for record in caplog.records if vars(record)["status"] == 429) < 20
    assert f'rag_requests_total{{endpoint="{path}",status="429"}} 5.0' in metrics
    assert 'rag_shed_requests_total{reason="queue_full"} 5.0' in metrics


async def test_who_waits_is_answered_when_a_place_gets_free_and_the_house_recovers(serve_chat: ServeChat) -> None:
    async with full_house(serve_chat) as (client, llm, asked):
        llm.resume.set()
        answers = await asyncio.gather(*asked)
        after = await asyncio.gather(*(ask(client) for _ in range(PLACES)))
    assert [a.status_code for a in (*answers, *after)] == [200] * (2 * PLACES + QUEUE)
    assert all("event: done" in answer.text for answer in answers)


async def test_who_waits_in_vain_is_told_before_it_has_cost_them_anything(
    serve_chat: ServeChat, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "ragspan.request")
    monkeypatch.setattr("app.api.admission.MAX_WAIT_S", MAX_WAIT_S)
    script = ChatScript(stall_after=0)
    async with OpenAiServer(script) as llm, serve_chat(llm.url, max_active_queries=1) as client:
        first = asyncio.create_task(ask(client))
        await llm.asked.acquire()
        assert {(await ask(client)).status_code for _ in range(5)} == {429}
        assert 'rag_shed_requests_total{reason="queue_timeout"} 5.0' in (await client.get("/metrics")).text
        llm.resume.set()
        assert (await first).status_code == 200
    assert min(vars(record)["ms"] for record in caplog.records if vars(record)["status"] == 429) < 20


async def test_the_rest_of_the_service_is_open_to_all(serve_chat: ServeChat) -> None:
    async with full_house(serve_chat) as (client, _, _):
        assert [(await client.get(path)).status_code for path in ("/readyz", "/v1/documents", "/")] == [200] * 3


async def test_those_turned_away_leave_no_task_behind(serve_chat: ServeChat) -> None:
    async with full_house(serve_chat, queue=0) as (client, _, _):
        before = len(asyncio.all_tasks())
        responses = await asyncio.gather(*(ask(client) for _ in range(100)))
        assert {r.status_code for r in responses} == {429}
        assert len(asyncio.all_tasks()) <= before


async def test_a_client_that_leaves_gives_its_place_back(serve_chat: ServeChat) -> None:
    script = ChatScript(stall_after=0)
    async with OpenAiServer(script) as llm, serve_chat(llm.url, max_active_queries=1, max_waiting_queries=0) as client:
        leaving = asyncio.create_task(ask(client, stream=True))
        await llm.asked.acquire()
        assert (await ask(client)).status_code == 429
        leaving.cancel()
        await llm.client_left.wait()
        llm.resume.set()
        async with asyncio.timeout(10):
            while (response := await ask(client)).status_code == 429:
                pass
    assert response.status_code == 200
