"""S5: a head that does not end is cut by its size; what is no request of ours is refused as a problem."""

import asyncio
import contextlib
import json
import re
import time
from asyncio.subprocess import Process
from collections.abc import Iterator
from itertools import repeat
from pathlib import Path

import httpx
import pytest

from app.serving.request_heads import MAX_HEAD_BYTES
from tests.app.api.process import running
from tests.support.fake_ports import FakeStore, hit

pytestmark = pytest.mark.anyio
GET = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n"
CHUNKED = (
    b"POST /v1/retrieve HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n"
)
KIB = b"x" * 1024
FIELD = b"X-F: " + KIB[:-7] + b"\r\n"
ENDLESS = {
    "one line": (GET + b"X: ", KIB),
    "fields": (GET, FIELD),
    "address": (b"GET /", KIB),
    "trailers": (CHUNKED + b"0\r\n", FIELD),
    "chunk extension": (CHUNKED + b"1;", KIB),
    "chunk extensions": (CHUNKED, b"1;" + KIB + b"\r\nx\r\n"),
}


async def exchange(url: httpx.URL, pieces: Iterator[bytes]) -> tuple[bytes, int]:
    """Send the pieces until an answer comes; return all that came back, and how much was sent."""
    reader, writer = await asyncio.open_connection("127.0.0.1", url.port)
    answer, sent = asyncio.create_task(reader.read()), 0
    try:
        with contextlib.suppress(ConnectionError):
            for piece in pieces:
                writer.write(piece)
                sent += len(piece)
                await asyncio.wait_for(writer.drain(), 10)
                if answer.done():
                    break
        return await asyncio.wait_for(answer, 10), sent
    finally:
        writer.close()


def refusal(answer: bytes) -> tuple[int, str]:
    """Return the status and the sentence of the one problem that came back, after which nothing comes."""
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"content-type: application/problem+json" in head.lower()
    assert b"connection: close" in head.lower()
    told = json.loads(body)
    assert int(head.split()[1]) == told["status"]
    return told["status"], told["detail"]


@pytest.mark.parametrize("shape", ENDLESS)
async def test_a_head_without_end_is_cut_and_told_why(client: httpx.AsyncClient, store: FakeStore, shape: str) -> None:
    first, more = ENDLESS[shape]
    answer, _ = await exchange(client.base_url, iter([first, *repeat(more, 64)]))
    assert refusal(answer)[0] == 431
    assert f"{MAX_HEAD_BYTES} bytes" in refusal(answer)[1]
    assert store.searches == []


def head_of(size: int) -> bytes:
    """Return a whole head of so many bytes, which asks for passages."""
    ask = (
        b"POST /v1/retrieve HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 19\r\nX: "
    )
    return ask.ljust(size - 4, b"x") + b"\r\n\r\n"


@pytest.mark.parametrize("before", [b"", GET + b"\r\n"], ids=["first", "second"])
@pytest.mark.parametrize("size", [MAX_HEAD_BYTES + 1, MAX_HEAD_BYTES + 4000])
async def test_a_head_that_ends_just_beyond_the_bound_is_told_why_and_asks_nothing(
    client: httpx.AsyncClient, store: FakeStore, before: bytes, size: int
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", client.base_url.port)
    with contextlib.closing(writer):
        if before:
            writer.write(before)
            assert b"200 OK" in await reader.readuntil(b"}")
        writer.write(head_of(size) + b'{"query": "Colour"}')
        answer = await asyncio.wait_for(reader.read(), 10)
    assert refusal(answer)[0] == 431
    assert store.searches == []


async def test_a_head_of_the_bound_itself_is_served(client: httpx.AsyncClient, store: FakeStore) -> None:
    store.hits = [hit("The sky is blue.")]
    reader, writer = await asyncio.open_connection("127.0.0.1", client.base_url.port)
    with contextlib.closing(writer):
        writer.write(head_of(MAX_HEAD_BYTES) + b'{"query": "Colour"}')
        assert b"The sky is blue." in await asyncio.wait_for(reader.readuntil(b"blue."), 10)


def resident_mib(process: Process) -> float:
    status = Path(f"/proc/{process.pid}/status").read_text(encoding="ascii")
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


async def flooded(url: httpx.URL, shape: str) -> None:
    first, more = ENDLESS[shape]
    with contextlib.suppress(ConnectionError):
        await exchange(url, iter([first, *repeat(more * 256, 80)]))


@pytest.mark.parametrize("shape", ["one line", "fields"])
async def test_a_flood_of_it_costs_the_others_nothing(tmp_path: Path, shape: str) -> None:
    async with running(tmp_path) as (process, client):
        await client.get("/healthz")
        before, slowest = resident_mib(process), 0.0
        floods = [asyncio.create_task(flooded(client.base_url, shape)) for _ in range(4)]
        while not all(flood.done() for flood in floods):
            started = time.monotonic()
            await client.get("/healthz")
            slowest = max(slowest, time.monotonic() - started)
        await asyncio.gather(*floods)
        assert resident_mib(process) - before < 8
    assert slowest < 1


async def test_large_heads_that_end_are_served_wherever_they_begin(client: httpx.AsyncClient, store: FakeStore) -> None:
    store.hits = [hit("The sky is blue.")]
    cookies = b"Cookie: session=" + KIB * 16 + b"\r\n"
    body = b'{"query": "Which colour?"}'.ljust(20_000)
    ask = b"POST /v1/retrieve HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n" + cookies
    whole = ask + b"Content-Length: %d\r\n\r\n" % len(body) + body
    chunks = b"".join(b"1\r\n%c\r\n" % byte for byte in body)
    chunked = ask + b"Transfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\nX-Trailer: 1\r\n\r\n"
    last = GET + cookies + b"Connection: close\r\n\r\n"
    answer, _ = await exchange(client.base_url, iter([whole + chunked + whole + last]))
    assert answer.count(b"HTTP/1.1 200 OK") == 4
    assert answer.count(b"The sky is blue.") == 3


async def test_a_trailer_is_no_header(client: httpx.AsyncClient) -> None:
    """Of a request that waits behind another: its trailers are here before the gate has seen its head."""
    ask = CHUNKED.replace(b"Host: localhost\r\n", b"") + b"0\r\nHost: localhost\r\n\r\n"
    answer, _ = await exchange(client.base_url, iter([GET + b"\r\n" + ask + GET + b"Connection: close\r\n\r\n"]))
    assert re.findall(rb"HTTP/1.1 (\d+)", answer) == [b"200", b"400", b"200"]
    assert b"The request has no Host header" in answer


NOT_HTTP = [
    b"\x16\x03\x01\x02\x00",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    GET + b"no colon\r\n\r\n",
    CHUNKED + b"zz\r\n",
]


@pytest.mark.parametrize("sent", NOT_HTTP, ids=["TLS", "HTTP/2", "no field", "no chunk"])
async def test_what_is_not_http_is_a_problem_too(client: httpx.AsyncClient, sent: bytes) -> None:
    answer, _ = await exchange(client.base_url, iter([sent]))
    assert refusal(answer) == (400, "What came is not a request of HTTP/1.1.")


async def test_a_refusal_is_never_taken_for_the_answer_to_an_earlier_request(client: httpx.AsyncClient) -> None:
    ask = b"POST /v1/query HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 20\r\n\r\n"
    answer, _ = await exchange(client.base_url, iter([ask + b'{"query": "Colour?"}' + b"nonsense\r\n\r\n"]))
    assert answer == b""
