"""A question over HTTP: one JSON object, or events in the promised order."""

import asyncio
from uuid import UUID

import httpx
import pytest

from app.api.query import new_answer_id
from app.ports import DependencyUnavailable
from tests.app.api.conftest import Serve
from tests.app.api.events import parsed
from tests.support.fake_ports import FakeEmbedder, FakeGenerator, FakeStore

pytestmark = pytest.mark.anyio
QUESTION = {"query": "Which colour is the sky?"}


async def test_an_answer_id_is_a_random_uuid() -> None:
    ids = {new_answer_id() for _ in range(1000)}
    assert len(ids) == 1000
    assert {(str(UUID(text)) == text, UUID(text).version) for text in ids} == {(True, 4)}


@pytest.mark.parametrize("path", ["/query", "/v1/query"])
async def test_an_answer_carries_sources_citations_and_metadata(client: httpx.AsyncClient, path: str) -> None:
    response = await client.post(path, json=QUESTION)
    body = response.json()
    assert response.status_code == 200
    assert body["answer"] == "It is blue. [1]"
    assert body["sources"][0] == {
        "doc_id": "handbook", "title": "Handbook", "text": "The sky is blue.", "score": 0.9, "location": "page 1",
    }  # fmt: skip
    assert body["citations"] == [{"source": 0, "start": 0, "end": 11, "passage_start": 0, "passage_end": 16}]
    assert body["metadata"]["model"] == "fake-model"
    assert body["metadata"]["tokens"] == {"prompt": 5, "completion": 2}
    assert body["metadata"]["degraded"] == []
    stages = {"embed", "search", "first_token", "generate", "stream", "quality", "total"}
    assert stages == set(body["metadata"]["timings_ms"])
    assert body["metadata"]["removed"] == {}
    assert body["metadata"]["quality"] == {
        "verdict": "grounded", "grounded": 1, "statements": 1, "unsupported": [],
    }  # fmt: skip
    assert body["answer_id"]


async def test_events_come_as_sources_then_tokens_then_one_done(client: httpx.AsyncClient) -> None:
    response = await client.post("/v1/query", json={**QUESTION, "stream": True})
    assert response.headers["content-type"].startswith("text/event-stream")
    events = parsed(response.text)
    assert [name for name, _ in events] == ["sources", "token", "token", "done"]
    assert events[0][1]["sources"][0]["doc_id"] == "handbook"
    assert events[1][1] == {"text": "It is "}
    assert set(events[3][1]) == {"answer_id", "citations", "metadata", "finish_reason", "truncated"}


@pytest.mark.parametrize(
    ("stream", "accept", "expected"),
    [
        (None, "text/event-stream", "text/event-stream"),
        (None, "application/json", "application/json"),
        (None, "*/*", "application/json"),
        (False, "text/event-stream", "application/json"),
        (True, "application/json", "text/event-stream"),
    ],
)
async def test_stream_in_the_body_beats_the_accept_header(
    client: httpx.AsyncClient, stream: bool | None, accept: str, expected: str
) -> None:
    body = QUESTION if stream is None else {**QUESTION, "stream": stream}
    response = await client.post("/v1/query", json=body, headers={"Accept": accept})
    assert response.headers["content-type"].split(";")[0] == expected


async def test_without_passages_the_answer_is_honest_and_asks_no_generator(
    client: httpx.AsyncClient, store: FakeStore, generator: FakeGenerator
) -> None:
    store.hits.clear()
    body = (await client.post("/v1/query", json=QUESTION)).json()
    assert (body["sources"], body["finish_reason"], body["metadata"]["model"]) == ([], "no_context", None)
    assert generator.prompts == []


async def test_the_conversation_reaches_the_generator(client: httpx.AsyncClient, generator: FakeGenerator) -> None:
    turns = [{"role": "user", "content": "Hello"}, {"role": "assistant", "content": "Hi"}]
    await client.post("/v1/query", json={**QUESTION, "messages": turns})
    assert [message.content for message in generator.prompts[0].messages[1:3]] == ["Hello", "Hi"]


async def test_top_k_bounds_the_sources(client: httpx.AsyncClient) -> None:
    assert len((await client.post("/v1/query", json={**QUESTION, "top_k": 1})).json()["sources"]) == 1


@pytest.mark.parametrize("stream", [False, True])
async def test_a_store_that_is_away_is_a_503_before_the_first_byte(
    client: httpx.AsyncClient, store: FakeStore, stream: bool
) -> None:
    store.error = DependencyUnavailable("vector_store", "http://10.0.0.7 said SECRET")
    response = await client.post("/v1/query", json={**QUESTION, "stream": stream})
    assert (response.status_code, response.headers["content-type"]) == (503, "application/problem+json")
    assert response.json()["detail"] == "The document index is unavailable; try again shortly."


async def test_a_failure_after_the_first_byte_is_one_error_event_at_the_end(
    client: httpx.AsyncClient, generator: FakeGenerator
) -> None:
    generator.error = DependencyUnavailable("generator", "SECRET")
    events = parsed((await client.post("/v1/query", json={**QUESTION, "stream": True})).text)
    assert [name for name, _ in events] == ["sources", "token", "token", "error"]
    assert events[-1][1]["status"] == 503
    assert 'endpoint="/v1/query",status="503"' in (await client.get("/metrics")).text


@pytest.mark.parametrize("stream", [False, True])
async def test_what_nobody_foresaw_tells_a_client_nothing(
    client: httpx.AsyncClient, embedder: FakeEmbedder, generator: FakeGenerator, stream: bool
) -> None:
    generator.error = RuntimeError("SECRET")
    response = await client.post("/v1/query", json={**QUESTION, "stream": stream})
    assert "SECRET" not in response.text
    assert "The service failed" in response.text
    assert response.status_code == (200 if stream else 500)


async def test_a_store_that_hangs_is_a_504_in_time(serve: Serve, store: FakeStore) -> None:
    store.hang = True
    async with serve(retrieval_timeout_s=0.05, request_timeout_s=0.1) as client:
        assert (await client.post("/v1/query", json=QUESTION)).status_code == 504
        assert (await client.get("/v1/documents")).status_code == 504


@pytest.mark.parametrize("stream", [False, True])
async def test_a_client_that_leaves_cancels_the_generator_at_once(
    client: httpx.AsyncClient, generator: FakeGenerator, stream: bool
) -> None:
    generator.stalls = True
    asked = asyncio.create_task(client.post("/v1/query", json={**QUESTION, "stream": stream}))
    async with asyncio.timeout(10):
        while "rag_active_queries 1.0" not in (await client.get("/metrics")).text or not generator.prompts:
            pass
        asked.cancel()
        await asyncio.wait_for(generator.cancelled.wait(), 1)
        while 'endpoint="/v1/query",status="499"' not in (metrics := (await client.get("/metrics")).text):
            pass
    assert "rag_active_queries 0.0" in metrics


async def test_retrieve_returns_passages_without_an_answer(client: httpx.AsyncClient, generator: FakeGenerator) -> None:
    body = (await client.post("/v1/retrieve", json={**QUESTION, "top_k": 2})).json()
    assert [found["doc_id"] for found in body["hits"]] == ["handbook", "garden"]
    assert generator.prompts == []


async def test_in_hold_mode_an_ungrounded_answer_is_withheld_and_says_so(
    serve: Serve, generator: FakeGenerator
) -> None:
    generator.pieces = ("The moon is ", "made of cheese. [1]")
    async with serve(quality_mode="hold") as client:
        events = parsed((await client.post("/v1/query", json={**QUESTION, "stream": True})).text)
    assert [name for name, _ in events] == ["sources", "token", "done"]
    assert "cheese" not in events[1][1]["text"]
    assert events[2][1]["finish_reason"] == "fallback"
    assert events[2][1]["metadata"]["quality"]["verdict"] == "ungrounded"
