"""A question that was answered before is answered anew only where its asker, the documents or the question differ."""

import asyncio
import re
from collections.abc import AsyncGenerator, Generator
from pathlib import Path
from typing import Any, TypeAlias

import httpx
import pytest
from pydantic import SecretStr

from app.adapters.redis_connection import RedisAddress, RedisConnection
from app.ingest.identity import document_id
from app.ports import DependencyUnavailable
from app.security.api_keys import key_entry, new_key
from tests.app.api.conftest import Serve
from tests.app.api.events import parsed
from tests.support.fake_ports import FakeGenerator, FakeStore
from tests.support.redis import PASSWORD, redis_server

pytestmark = pytest.mark.anyio
QUESTION = {"query": "Which colour is the sky?"}
AWAY = DependencyUnavailable("vector_store", "away")
Headers: TypeAlias = dict[str, str] | list[tuple[str, str]] | None
LONG_S = 1
"""Time for a call of the cache in these tests, which are about what it says, not how fast."""


@pytest.fixture
def redis_url(tmp_path: Path) -> Generator[str]:
    with redis_server(tmp_path) as url:
        yield url


@pytest.fixture(params=["memory", pytest.param("redis", marks=pytest.mark.needs("redis"))])
def cache(request: pytest.FixtureRequest) -> dict[str, Any]:
    """Settings of a cache that no other test uses."""
    if request.param == "memory":
        return {"cache": "memory"}
    url = request.getfixturevalue("redis_url")
    return {"cache": "redis", "redis_url": url, "redis_password": PASSWORD, "cache_timeout_s": LONG_S}


@pytest.fixture
async def client(serve: Serve, cache: dict[str, Any]) -> AsyncGenerator[httpx.AsyncClient]:
    async with serve(**cache) as client:
        yield client


async def ask(client: httpx.AsyncClient, headers: Headers = None, **more: Any) -> dict[str, Any]:
    response = await client.post("/v1/query", json={**QUESTION, **more}, headers=headers)
    assert response.status_code == 200
    return response.json()


def as_told(answer: dict[str, Any]) -> dict[str, Any]:
    """What must be equal when an answer is given again."""
    metadata = {name: answer["metadata"][name] for name in ("model", "degraded", "removed", "quality")}
    return {name: answer[name] for name in ("answer", "sources", "citations", "finish_reason")} | metadata


async def test_the_second_answer_is_the_first_one_and_says_so(
    client: httpx.AsyncClient, generator: FakeGenerator
) -> None:
    first = await ask(client)
    again = await ask(client, query="  which colour is  the sky")
    assert (first["metadata"]["cached"], again["metadata"]["cached"]) == (None, "exact")
    assert as_told(again) == as_told(first)
    assert (set(again), set(again["metadata"])) == (set(first), set(first["metadata"]))
    assert len({first["answer_id"], again["answer_id"], (await ask(client))["answer_id"]}) == 3
    assert again["metadata"]["tokens"] == {"prompt": 0, "completion": 0}
    assert set(again["metadata"]["timings_ms"]) == {"cache", "first_token", "total"}
    assert len(generator.prompts) == 1
    metrics = (await client.get("/metrics")).text
    assert 'rag_cache_requests_total{result="exact"} 2.0' in metrics
    assert 'rag_cache_requests_total{result="miss"} 1.0' in metrics


async def test_a_stream_and_a_chat_completion_give_the_same_kept_answer(
    client: httpx.AsyncClient, generator: FakeGenerator
) -> None:
    first = await ask(client)
    events = parsed((await client.post("/v1/query", json={**QUESTION, "stream": True})).text)
    assert [name for name, _ in events] == ["sources", "token", "done"]
    assert events[0][1]["sources"] == first["sources"]
    assert events[1][1]["text"] == first["answer"]
    assert events[2][1]["metadata"]["cached"] == "exact"
    message = {"role": "user", "content": QUESTION["query"]}
    chat = await client.post("/v1/chat/completions", json={"model": "ragspan-fake-model", "messages": [message]})
    assert chat.json()["choices"][0]["message"]["content"] == first["answer"]
    assert chat.json()["ragspan"]["metadata"]["cached"] == "exact"
    assert chat.json()["usage"]["total_tokens"] == 0
    assert len(generator.prompts) == 1


@pytest.mark.parametrize(
    "other",
    [
        {"query": "Which colour is the sea?"},
        {"top_k": 1},
        {"filter": {"year": "2024"}},
        {"messages": [{"role": "user", "content": "And now?"}]},
    ],
)
async def test_another_question_is_answered_for_itself(
    client: httpx.AsyncClient, generator: FakeGenerator, other: dict[str, Any]
) -> None:
    await ask(client)
    assert (await ask(client, **other))["metadata"]["cached"] is None
    assert len(generator.prompts) == 2


async def test_the_request_itself_may_ask_for_a_fresh_answer(
    client: httpx.AsyncClient, generator: FakeGenerator
) -> None:
    await ask(client)
    generator.pieces = ("The sky ", "is blue. [1]")
    assert (await ask(client, {"Cache-Control": "no-store"}))["answer"] == "The sky is blue. [1]"
    assert (await ask(client))["answer"] == "It is blue. [1]"
    said_twice = [("Cache-Control", "max-age=0"), ("Cache-Control", "no-transform, No-Cache")]
    assert (await ask(client, said_twice))["metadata"]["cached"] is None
    assert (await ask(client))["answer"] == "The sky is blue. [1]"


async def test_a_changed_index_ends_what_was_kept_of_it(
    client: httpx.AsyncClient, store: FakeStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.rag.corpus.MEMO_S", 60)
    await ask(client)
    store.version = "v1"
    assert (await ask(client))["metadata"]["cached"] == "exact", "asked of the store only once in a while"
    monkeypatch.setattr("app.rag.corpus.MEMO_S", 0)
    assert (await ask(client))["metadata"]["cached"] is None


async def change(
    client: httpx.AsyncClient, way: str, store: FakeStore, monkeypatch: pytest.MonkeyPatch
) -> httpx.Response:
    async def publish(*_: object) -> None:
        store.version = "v1"
        if way == "failed upload":
            raise RuntimeError

    async def delete(*_: object) -> bool:
        store.version = "v1"
        return True

    monkeypatch.setattr(store, "publish", publish)
    monkeypatch.setattr(store, "delete", delete)
    if way == "delete":
        return await client.delete(f"/v1/documents/{document_id('handbook')}")
    return await client.post("/v1/documents", files={"file": ("a.txt", b"The sky is red.")})


@pytest.mark.parametrize("way", ["upload", "failed upload", "delete"])
async def test_a_change_through_this_replica_is_seen_at_once(
    client: httpx.AsyncClient, store: FakeStore, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    await ask(client)
    await change(client, way, store, monkeypatch)
    assert (await ask(client))["metadata"]["cached"] is None


@pytest.mark.parametrize("way", ["upload", "failed upload", "delete"])
async def test_a_store_that_goes_away_after_a_change_brings_no_answer_of_before_back(
    client: httpx.AsyncClient, store: FakeStore, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    await ask(client)
    await change(client, way, store, monkeypatch)
    store.error = AWAY
    assert (await client.post("/v1/query", json=QUESTION)).status_code == 503


@pytest.mark.parametrize("way", ["upload", "delete"])
async def test_a_change_that_an_absent_store_refuses_leaves_the_answers_of_before(
    client: httpx.AsyncClient, store: FakeStore, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    await ask(client)
    store.error = AWAY
    assert (await change(client, way, store, monkeypatch)).status_code == 503
    assert (await ask(client))["metadata"]["cached"] == "exact"


async def test_keys_of_other_tenants_and_groups_get_answers_of_their_own(
    serve: Serve, cache: dict[str, Any], generator: FakeGenerator
) -> None:
    owners = (("a", "acme", ""), ("b", "acme", ":hr"), ("c", "acme", ":hr+it"), ("d", "beta", ""), ("e", "acme", ""))
    keys = [(new_key(), *owner) for owner in owners]
    entries = ",".join(key_entry(name, tenant, key) + groups for key, name, tenant, groups in keys)
    async with serve(api_keys=entries, **cache) as client:
        found = [(await ask(client, {"X-API-Key": key}))["metadata"]["cached"] for key, *_ in keys]
    assert found == [None, None, None, None, "exact"], "the last key sees what the first does"
    assert len(generator.prompts) == 4


async def test_64_equal_questions_at_once_are_one_call_of_the_model(
    client: httpx.AsyncClient, generator: FakeGenerator
) -> None:
    streams = [client.post("/v1/query", json={**QUESTION, "stream": n % 2 == 0}) for n in range(64)]
    answers = await asyncio.gather(*streams)
    assert {answer.status_code for answer in answers} == {200}
    assert all("blue. [1]" in answer.text for answer in answers)
    assert len(generator.prompts) == 1
    assert sum('"cached":null' in answer.text for answer in answers) == 1


@pytest.mark.needs("redis")
async def test_replicas_share_answers_under_keys_that_tell_nothing(
    serve: Serve, redis_url: str, generator: FakeGenerator
) -> None:
    settings = {"cache": "redis", "redis_url": redis_url, "redis_password": PASSWORD, "cache_timeout_s": LONG_S}
    async with serve(**settings, log_level="error") as one, serve(**settings, max_active_queries=9) as other:
        first, again = await ask(one), await ask(other)
    assert (as_told(again), again["metadata"]["cached"]) == (as_told(first), "exact")
    assert len(generator.prompts) == 1
    redis = RedisConnection(RedisAddress(url=redis_url, password=SecretStr(PASSWORD)))
    keys = await redis.call("KEYS", "*", timeout_s=LONG_S)
    await redis.close()
    assert isinstance(keys, list)
    assert [
        re.fullmatch(rb"ragspan:answer:[0-9a-f]{64}", key if isinstance(key, bytes) else b"") is not None
        for key in keys
    ] == [True]


@pytest.mark.needs("redis")
async def test_other_settings_of_answers_share_nothing(serve: Serve, redis_url: str) -> None:
    settings = {"cache": "redis", "redis_url": redis_url, "redis_password": PASSWORD, "cache_timeout_s": LONG_S}
    for differently in ({}, {"top_k": 3}, {"quality_min_support": 0.5}, {"link_hosts": ("example.com",)}):
        async with serve(**settings, **differently) as client:
            assert (await ask(client))["metadata"]["cached"] is None, differently
            assert (await ask(client))["metadata"]["cached"] == "exact"
