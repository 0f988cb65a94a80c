"""The connection to a real Redis: shared by all requests, never waited for longer than a call may take."""

import asyncio
import socket
import time
from collections.abc import AsyncGenerator, Generator
from pathlib import Path

import pytest
from pydantic import SecretStr

from app.adapters.redis_connection import RedisAddress, RedisConnection, RedisRefused
from app.ports import DependencyTimeout, DependencyUnavailable
from tests.support.redis import PASSWORD, Gate, gate_to, redis_server

pytestmark = [pytest.mark.anyio, pytest.mark.needs("redis")]
LONG_S = 10.0
SHORT_S = 0.02


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Generator[str]:
    with redis_server(tmp_path_factory.mktemp("redis")) as url:
        yield url


@pytest.fixture
async def gate(url: str) -> AsyncGenerator[Gate]:
    async with gate_to(url) as gate:
        yield gate


@pytest.fixture
async def redis(gate: Gate) -> AsyncGenerator[RedisConnection]:
    redis = connection(gate.url)
    yield redis
    await redis.close()


def address(url: str, password: str = PASSWORD, username: str | None = None) -> RedisAddress:
    return RedisAddress(url=url, username=username, password=SecretStr(password))


def connection(*parts: str) -> RedisConnection:
    return RedisConnection(address(*parts))


async def test_calls_share_one_connection_and_each_gets_its_own_reply(redis: RedisConnection, gate: Gate) -> None:
    replies = await asyncio.gather(*(redis.call("ECHO", f"{n} ü\r\n", timeout_s=LONG_S) for n in range(500)))
    assert replies == [f"{n} ü\r\n".encode() for n in range(500)]
    assert gate.connections == 1
    assert (await redis.health()).ok


async def test_a_call_that_is_given_up_takes_nobody_elses_reply(redis: RedisConnection, gate: Gate) -> None:
    await redis.call("SET", "a", "1", timeout_s=LONG_S)
    gate.shut()
    started = time.monotonic()
    with pytest.raises(DependencyTimeout):
        await redis.call("ECHO", "late", timeout_s=SHORT_S)
    assert time.monotonic() - started < 0.5
    gate.open()
    assert await redis.call("GET", "a", timeout_s=LONG_S) == b"1"
    assert gate.connections == 1


@pytest.mark.parametrize("anyio_backend", [("asyncio", {"use_uvloop": uvloop}) for uvloop in (False, True)])
async def test_a_reply_that_came_in_time_counts_where_this_process_was_too_busy_to_read_it(url: str) -> None:
    redis = connection(url)
    assert (await redis.health()).ok
    call = asyncio.create_task(redis.call("PING", timeout_s=SHORT_S))
    await asyncio.sleep(0)
    time.sleep(5 * SHORT_S)  # noqa: ASYNC251 - a loop that is held up is what this is about
    assert await call == b"PONG"
    await redis.close()


async def test_a_stalled_connection_is_made_anew(
    redis: RedisConnection, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (await redis.health()).ok
    gate.shut()
    with pytest.raises(DependencyTimeout):
        await redis.call("PING", timeout_s=2 * SHORT_S)
    gate.open()
    with monkeypatch.context() as stalled:
        stalled.setattr("app.adapters.redis_connection.STALL_S", SHORT_S)
        again = asyncio.create_task(redis.call("PING", timeout_s=LONG_S))
        while gate.connections < 2:  # noqa: ASYNC110 - the gate counts, and tells nobody
            await asyncio.sleep(0)
    assert await again == b"PONG"
    assert gate.connections == 2


async def test_a_cut_connection_fails_what_waits_and_the_next_call_connects(redis: RedisConnection, gate: Gate) -> None:
    assert (await redis.health()).ok
    gate.shut()
    waiting = asyncio.create_task(redis.call("PING", timeout_s=LONG_S))
    await asyncio.sleep(0)
    gate.cut()
    with pytest.raises(DependencyUnavailable, match="lost"):
        await waiting
    gate.open()
    assert await redis.call("PING", timeout_s=LONG_S) == b"PONG"


async def test_connecting_goes_on_when_the_call_that_began_it_has_given_up(redis: RedisConnection, gate: Gate) -> None:
    gate.shut()
    with pytest.raises(DependencyTimeout):
        await redis.call("PING", timeout_s=SHORT_S)
    gate.open()
    assert await redis.call("PING", timeout_s=LONG_S) == b"PONG"
    assert gate.connections == 1


async def test_an_error_is_told_by_its_code_without_the_rest(redis: RedisConnection) -> None:
    with pytest.raises(RedisRefused) as caught:
        await redis.call("NONSENSE", "a secret value", timeout_s=LONG_S)
    assert caught.value.code == "ERR"
    assert "secret" not in str(caught.value)
    assert caught.value.is_to_blame


async def test_a_full_server_is_not_to_blame_for_a_value_it_does_not_take(redis: RedisConnection) -> None:
    await redis.call("CONFIG", "SET", "maxmemory", "1", timeout_s=LONG_S)
    with pytest.raises(RedisRefused, match="OOM") as caught:
        await redis.call("SET", "a", "1", timeout_s=LONG_S)
    await redis.call("CONFIG", "SET", "maxmemory", "0", timeout_s=LONG_S)
    assert not caught.value.is_to_blame


async def test_a_user_of_the_access_control_list_signs_in(redis: RedisConnection, gate: Gate) -> None:
    await redis.call("ACL", "SETUSER", "ragspan", "on", ">of-the-user", "~*", "+@all", timeout_s=LONG_S)
    one = connection(gate.url + "/3", "of-the-user", "ragspan")
    assert await one.call("ACL", "WHOAMI", timeout_s=LONG_S) == b"ragspan"
    await one.close()


async def test_a_wrong_password_is_refused_without_being_told(gate: Gate) -> None:
    stranger = connection(gate.url, "wrong-password")
    health = await stranger.health()
    assert not health.ok
    assert "WRONGPASS" in health.detail
    assert "wrong-password" not in health.detail + repr(address(gate.url, "wrong-password"))
    await stranger.close()


async def test_no_server_is_a_sentence_at_once() -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    redis = connection(f"redis://127.0.0.1:{port}")
    with pytest.raises(DependencyUnavailable, match=f"Redis at 127.0.0.1:{port} is not reached"):
        await redis.call("PING", timeout_s=LONG_S)
    await redis.close()


async def test_what_is_no_redis_is_left(tmp_path: Path) -> None:
    async def answer(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    redis = connection(f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    with pytest.raises(DependencyUnavailable):
        await redis.call("PING", timeout_s=LONG_S)
    await redis.close()
    server.close()
