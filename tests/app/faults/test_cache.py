"""R2, R6 and R7: whatever befalls the cache, each question is answered, soon; and nothing that is not whole is kept."""

import asyncio
import socket
from collections import Counter
from collections.abc import AsyncGenerator, Generator
from dataclasses import replace
from itertools import cycle
from pathlib import Path
from statistics import median
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from app.adapters.redis_cache import RedisCache
from app.adapters.redis_connection import RedisAddress, RedisConnection
from app.ports import DependencyUnavailable, GenerationEnd, Prompt
from app.rag.events import Done
from app.settings import Settings
from tests.app.api.conftest import Serve
from tests.app.rag.test_caching import QUESTION, World
from tests.support.fake_ports import FakeGenerator, FakeStore
from tests.support.redis import PASSWORD, gate_to, redis_server

pytestmark = [pytest.mark.anyio, pytest.mark.needs("redis")]
AT_ONCE = 32
LONG_S = 10.0
MANY = 1000
MAX_COST_MS = 10.0


@pytest.fixture
def url(tmp_path: Path) -> Generator[str]:
    with redis_server(tmp_path) as url:
        yield url


@pytest.fixture
def closed() -> str:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return f"redis://127.0.0.1:{probe.getsockname()[1]}"


@pytest.fixture
async def redis(url: str) -> AsyncGenerator[RedisConnection]:
    redis = RedisConnection(RedisAddress(url=url, password=SecretStr(PASSWORD)))
    yield redis
    await redis.close()


def cached_at(url: str, **more: Any) -> dict[str, Any]:
    return {"cache": "redis", "redis_url": url, "redis_password": PASSWORD, **more}


async def ask(client: httpx.AsyncClient, number: int = 0) -> dict[str, Any]:
    response = await client.post("/v1/query", json={"query": f"Which colour is sky {number}?"})
    assert response.status_code == 200, response.text
    return response.json()


async def cost_ms(url: str) -> float:
    """The 99th percentile of what a cache that does not answer costs each of many questions.

    What the same look-ups take of a cache in memory, asked in turn, is this machine's own doing.
    """
    redis = RedisConnection(RedisAddress(url=url, password=SecretStr(PASSWORD)))
    failing, fair = World(real_cache=RedisCache(redis, 60, Settings().cache_timeout_s)), World()
    took_ms: list[tuple[float, float]] = []
    for number in range(MANY):
        question = replace(QUESTION, text=f"Which colour is sky {number}?")
        hit, free = await failing.ask(question), await fair.ask(question)
        assert (hit.degraded, free.degraded) == (["cache"], [])
        took_ms.append((hit.timings_ms["cache"], free.timings_ms["cache"]))
    await redis.close()
    p99, own = [sorted(pair[at] for pair in took_ms)[MANY * 99 // 100] for at in (0, 1)]
    return p99 - own


async def counts(client: httpx.AsyncClient) -> dict[str, float]:
    """The metrics of the cache, by their labels."""
    lines = [line for line in (await client.get("/metrics")).text.splitlines() if "cache" in line and line[0] != "#"]
    return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines}


async def test_a_cache_that_is_down_costs_nearly_nothing(closed: str) -> None:
    assert await cost_ms(closed) <= MAX_COST_MS


async def test_a_cache_that_stalls_costs_nearly_nothing(url: str) -> None:
    async with gate_to(url) as gate:
        gate.shut()
        assert await cost_ms(gate.url) <= MAX_COST_MS


async def test_a_service_without_its_cache_answers_stays_ready_and_says_so(serve: Serve, closed: str) -> None:
    async with serve(**cached_at(closed)) as client:
        answers = await asyncio.gather(*(ask(client, number) for number in range(AT_ONCE)))
        assert {tuple(answer["metadata"]["degraded"]) for answer in answers} == {("cache",)}
        assert (await client.get("/readyz")).json() == {"status": "ready", "degraded": ["cache"]}


async def test_a_corrupt_cache_is_an_empty_one(serve: Serve, url: str, redis: RedisConnection) -> None:
    async with serve(**cached_at(url, cache_timeout_s=1)) as client:
        for broken in (b"", b"\xff\xfe", b'{"key": 1}', b"[" * 10**6):
            await ask(client)
            keys = await redis.call("KEYS", "ragspan:answer:*", timeout_s=LONG_S)
            assert isinstance(keys, list)
            (key,) = keys
            assert isinstance(key, bytes)
            await redis.call("SET", key, broken, timeout_s=LONG_S)
            assert (await ask(client))["metadata"]["cached"] is None
            assert (await ask(client))["metadata"]["cached"] == "exact"


async def test_values_of_another_type_are_none_and_are_replaced(serve: Serve, url: str, redis: RedisConnection) -> None:
    async with serve(**cached_at(url, cache_timeout_s=1, cache_min_similarity=0.9)) as client:
        await ask(client)
        keys = await redis.call("KEYS", "ragspan:*", timeout_s=LONG_S)
        assert isinstance(keys, list)
        assert len(keys) == 2
        for key in keys:
            assert isinstance(key, bytes)
            await redis.call("DEL", key, timeout_s=LONG_S)
            await redis.call("SADD", key, "of another type", timeout_s=LONG_S)
        again = await ask(client)
        assert (again["metadata"]["cached"], again["metadata"]["degraded"]) == (None, [])
        assert (await ask(client))["metadata"]["cached"] == "exact"
        assert (await counts(client))['rag_cache_requests_total{result="not_kept"}'] == 0


async def test_a_full_cache_is_told_by_a_metric_and_still_read(serve: Serve, url: str, redis: RedisConnection) -> None:
    async with serve(**cached_at(url, cache_timeout_s=1)) as client:
        await ask(client)
        await redis.call("CONFIG", "SET", "maxmemory", "1", timeout_s=LONG_S)
        answers = await asyncio.gather(*(ask(client, number) for number in range(1, 10)))
        assert [answer["metadata"]["degraded"] for answer in answers] == [[]] * 9
        assert (await ask(client))["metadata"]["cached"] == "exact"
        found = await counts(client)
    assert found['rag_cache_requests_total{result="not_kept"}'] == 9
    assert found['rag_circuit_breaker_open{dependency="cache"}'] == 0


class Unreliable(FakeGenerator):
    """Fails, breaks off, is cut at its length, or claims what no passage says, in turn."""

    def __init__(self) -> None:
        super().__init__()
        self._ways = cycle(("error", "break", "length", "ungrounded"))

    async def stream(self, prompt: Prompt) -> AsyncGenerator[str | GenerationEnd, None]:
        match next(self._ways):
            case "ungrounded":
                yield "The moon is made of green cheese. [1]"
            case way:
                yield "It is blue. [1]"
                if way == "error":
                    raise DependencyUnavailable("generator", "reset")
                if way == "break":
                    return
                yield GenerationEnd(finish_reason="length")
                return
        yield GenerationEnd(finish_reason="stop")


async def test_of_a_thousand_broken_answers_none_is_kept(redis: RedisConnection) -> None:
    world = World(generator=Unreliable(), real_cache=RedisCache(redis, 60, LONG_S))
    questions = [replace(QUESTION, text=f"Which colour is sky {number}?") for number in range(MANY)]
    ended = await asyncio.gather(*map(world.ask_beside_others, questions), return_exceptions=True)
    ways = Counter(done.finish_reason if isinstance(done, Done) else type(done).__name__ for done in ended)
    assert ways == Counter(DependencyUnavailable=250, DependencyFailed=250, length=250, stop=250)
    await world.answers.close()
    assert world.outcomes == ["miss"] * MANY
    assert await redis.call("DBSIZE", timeout_s=LONG_S) == 0


async def test_while_the_store_is_down_kept_answers_are_given_and_others_refused_at_once(
    serve: Serve, url: str, store: FakeStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.rag.corpus.MEMO_S", 0.0)
    async with serve(**cached_at(url, cache_timeout_s=1)) as client:
        await ask(client)
        store.error = DependencyUnavailable("vector_store", "down")
        for number in range(1, 8):
            await client.post("/v1/query", json={"query": f"Another {number}?"})
        refused = [await client.post("/v1/query", json={"query": f"Another {number}?"}) for number in range(8, 11)]
        assert {response.status_code for response in refused} == {503}
        assert median(response.elapsed.total_seconds() for response in refused) < 0.3
        metadata = (await ask(client))["metadata"]
    assert (metadata["cached"], metadata["degraded"]) == ("exact", ["vector_store"])
