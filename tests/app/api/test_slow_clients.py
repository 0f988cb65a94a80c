"""S5: a client that sends its request a byte at a time, or none of it, is cut; one that is merely slow is served."""

import asyncio
import contextlib
import time
from pathlib import Path

import httpx
import pytest

from tests.app.api.conftest import Serve
from tests.support.fake_ports import FakeGenerator, FakeStore, hit

pytestmark = pytest.mark.anyio
HEAD = b"POST /v1/query HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 400\r\n\r\n"
BODY = b'{"query": "Which colour?"}'.ljust(400)
PAUSE_S = 0.4


@pytest.fixture(autouse=True)
def short_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.serving.slow_clients.HEAD_TIMEOUT_S", PAUSE_S)
    monkeypatch.setattr("app.serving.slow_clients.READ_CHECK_S", PAUSE_S)
    monkeypatch.setattr("app.security.body_limit.PAUSE_S", PAUSE_S)
    monkeypatch.setattr("app.security.body_limit.SLOWEST_BYTES_PER_S", 800)


async def trickle(client: httpx.AsyncClient, *pieces: bytes, gap_s: float) -> tuple[bytes, float]:
    """Send the pieces with a gap after each; return what came back before the connection was closed, and when."""
    reader, writer = await asyncio.open_connection("127.0.0.1", client.base_url.port)
    started = time.monotonic()
    answer = asyncio.create_task(reader.read(65536))
    for piece in pieces:
        if answer.done():
            break
        writer.write(piece)
        await asyncio.wait({answer}, timeout=gap_s)
    try:
        async with asyncio.timeout(10):
            return await answer, time.monotonic() - started
    except ConnectionResetError:
        return b"", time.monotonic() - started
    finally:
        writer.close()


def bytewise(data: bytes) -> list[bytes]:
    return [bytes([byte]) for byte in data]


@pytest.mark.parametrize("sent", [[], [b"GET / HT"], bytewise(HEAD)], ids=["nothing", "half", "a byte at a time"])
async def test_a_head_that_does_not_come_is_not_waited_for(client: httpx.AsyncClient, sent: list[bytes]) -> None:
    answer, after_s = await trickle(client, *sent, gap_s=0.05)
    assert answer == b""
    assert PAUSE_S * 0.9 <= after_s < PAUSE_S + 3


async def test_a_further_request_of_a_connection_is_bounded_too(client: httpx.AsyncClient) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", client.base_url.port)
    writer.write(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert (await reader.readuntil(b"alive")).startswith(b"HTTP/1.1 200")
    writer.write(b"GET /healthz HTTP/1.1\r\nHost: loc")
    async with asyncio.timeout(PAUSE_S + 3):
        with contextlib.suppress(ConnectionResetError):
            assert b"HTTP/1.1" not in await reader.read()
    writer.close()


@pytest.mark.parametrize(
    "sent", [[HEAD], [HEAD + BODY[:99]], [HEAD, *bytewise(BODY)]], ids=["none", "some", "creeping"]
)
async def test_a_body_that_does_not_come_is_408(client: httpx.AsyncClient, store: FakeStore, sent: list[bytes]) -> None:
    answer, after_s = await trickle(client, *sent, gap_s=0.05)
    assert answer.startswith(b"HTTP/1.1 408")
    assert b"connection: close" in answer.lower()
    assert b"The request body comes too slowly" in answer
    assert PAUSE_S * 0.9 <= after_s < PAUSE_S + 3
    assert store.searches == []


async def test_a_large_body_that_stops_is_answered_too(client: httpx.AsyncClient) -> None:
    head = HEAD.replace(b"400", b"2000000")
    answer, after_s = await trickle(client, head, b"x" * 1000, gap_s=0.01)
    assert answer.startswith(b"HTTP/1.1 413")
    assert after_s < PAUSE_S + 3


async def test_a_slow_body_that_keeps_coming_is_served(client: httpx.AsyncClient) -> None:
    pieces = [BODY[start : start + 100] for start in range(0, 400, 100)]
    answer, after_s = await trickle(client, HEAD, *pieces, gap_s=0.11)
    assert answer.startswith(b"HTTP/1.1 200")
    assert after_s > PAUSE_S


async def test_an_answer_may_take_longer_than_a_body(serve: Serve, generator: FakeGenerator) -> None:
    generator.stalls = True
    async with serve(request_timeout_s=PAUSE_S * 2) as client:
        response = await client.post("/v1/query", json={"query": "Which colour?"})
    assert response.status_code == 504
    assert response.elapsed.total_seconds() >= PAUSE_S * 1.9


def descriptors() -> int:
    return len(list(Path("/dev/fd").iterdir()))


async def test_a_client_that_does_not_read_its_answer_is_cut(client: httpx.AsyncClient, store: FakeStore) -> None:
    store.hits = [hit("x" * 32_000_000)]
    await client.get("/healthz")
    before, size = descriptors(), 0
    reader, writer = await asyncio.open_connection("127.0.0.1", client.base_url.port, limit=1024)
    writer.write(HEAD.replace(b"/v1/query", b"/v1/retrieve") + BODY)
    try:
        async with asyncio.timeout(10):
            while descriptors() < before + 2:  # both ends are in this process
                await client.get("/healthz")
            while descriptors() > before + 1:
                await client.get("/healthz")
            with contextlib.suppress(ConnectionResetError):
                while data := await reader.read(2**20):
                    size += len(data)
    finally:
        writer.transport.abort()
    assert size < 32_000_000


async def test_a_client_that_reads_slowly_gets_all(client: httpx.AsyncClient, store: FakeStore) -> None:
    store.hits = [hit("x" * 8_000_000)]
    reader, writer = await asyncio.open_connection("127.0.0.1", client.base_url.port, limit=1024)
    writer.write(HEAD.replace(b"/v1/query", b"/v1/retrieve") + BODY)
    size, started = 0, time.monotonic()
    while size < 8_000_000:
        data = await reader.read(500_000)
        assert data, f"cut after {size} bytes"
        size += len(data)
        await asyncio.sleep(PAUSE_S / 8)
    assert time.monotonic() - started > PAUSE_S
    writer.close()
