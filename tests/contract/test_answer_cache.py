"""Each answer cache against what the port promises, Redis on the real thing."""

from collections.abc import AsyncGenerator
from contextlib import suppress
from pathlib import Path

import pytest
from pydantic import SecretStr

from app.adapters.memory_cache import MAX_LATEST, MemoryCache
from app.adapters.redis_cache import LATEST, RedisCache
from app.adapters.redis_connection import RedisAddress, RedisConnection
from app.ports import AnswerCache, DependencyTimeout
from tests.support.redis import PASSWORD, redis_server

pytestmark = pytest.mark.anyio
BIG = 10**6
LONG_S = 10.0


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(params=["memory", pytest.param("redis", marks=pytest.mark.needs("redis"))])
async def cache(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncGenerator[AnswerCache]:
    if request.param == "memory":
        yield MemoryCache(BIG, 60)
        return
    with redis_server(tmp_path) as url:
        cache = RedisCache(RedisConnection(RedisAddress(url=url, password=SecretStr(PASSWORD))), 60, LONG_S)
        yield cache
        await cache.close()


async def test_a_value_is_found_under_its_key_alone(cache: AnswerCache) -> None:
    assert await cache.get("a") is None
    value = bytes(range(256)) * 100
    await cache.put("a", b"first")
    await cache.put("a", value)
    await cache.put("b", b"other")
    assert await cache.get("a") == value
    assert await cache.get("A") is None
    assert (await cache.health()).ok


async def test_the_latest_of_a_partition_come_first_and_are_bounded(cache: AnswerCache) -> None:
    assert await cache.latest("p") == []
    for number in range(MAX_LATEST + 5):
        await cache.add("p", str(number).encode())
    await cache.add("q", b"other")
    latest = await cache.latest("p")
    assert len(latest) == MAX_LATEST
    assert latest[:2] == [b"132", b"131"]
    assert await cache.latest("q") == [b"other"]


@pytest.mark.needs("redis")
async def test_redis_forgets_what_was_added_though_nothing_more_came_through(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with redis_server(tmp_path) as url:
        connection = RedisConnection(RedisAddress(url=url, password=SecretStr(PASSWORD)))
        cache, call, calls = RedisCache(connection, 60, LONG_S), connection.call, 0

        async def one(*command: str | bytes | float, timeout_s: float) -> object:
            nonlocal calls
            calls += 1
            if calls > 1:
                raise DependencyTimeout("redis", "late")
            return await call(*command, timeout_s=timeout_s)

        monkeypatch.setattr(connection, "call", one)
        with suppress(DependencyTimeout):
            await cache.add("p", b"value")
        assert await call("PTTL", LATEST + "p", timeout_s=LONG_S) in range(1, 60_001)
        await cache.close()


@pytest.mark.needs("redis")
async def test_redis_forgets_after_the_time_to_live(tmp_path: Path) -> None:
    with redis_server(tmp_path) as url:
        redis = RedisConnection(RedisAddress(url=url, password=SecretStr(PASSWORD)))
        cache = RedisCache(redis, 60, LONG_S)
        await cache.put("a", b"value")
        await cache.add("p", b"value")
        for key in ("ragspan:answer:a", "ragspan:latest:p"):
            left_s = await redis.call("TTL", key, timeout_s=LONG_S)
            assert isinstance(left_s, int)
            assert 60 - LONG_S < left_s <= 60
        await cache.close()


async def test_memory_forgets_after_the_time_to_live() -> None:
    now = 0.0
    cache = MemoryCache(BIG, 60, lambda: now)
    await cache.put("a", b"value")
    await cache.add("p", b"value")
    now = 59.9
    assert (await cache.get("a"), await cache.latest("p")) == (b"value", [b"value"])
    now = 60.0
    assert (await cache.get("a"), await cache.latest("p")) == (None, [])


async def test_memory_is_bounded_and_loses_what_was_used_longest_ago() -> None:
    cache = MemoryCache(10_000, 60)
    for number in range(50):
        await cache.put(str(number), b"x" * 600)
        await cache.get("0")
        await cache.add(f"p{number}", b"x" * 600)
        assert cache.bytes <= 10_000
    assert await cache.get("0")
    assert await cache.get("49")
    assert await cache.get("1") is None
    assert await cache.latest("p0") == []
    await cache.put("0", b"x" * 20_000)
    assert await cache.get("0") is None
    assert await cache.latest("p49")
