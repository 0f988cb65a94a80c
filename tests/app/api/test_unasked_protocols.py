"""A client that offers another protocol with its request is answered in HTTP/1.1, with all that it sent."""

import asyncio
import re

import httpx
import pytest

from tests.support.fake_ports import FakeStore

pytestmark = pytest.mark.anyio
BODY = b'{"query": "Which colour?"}'
OFFER = b"Connection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABk\r\nUpgrade: h2c\r\n"
"""As java.net.http.HttpClient of Java 17 sends it."""
ASK = b"POST /v1/retrieve HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n" + OFFER
LAST = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


async def statuses(client: httpx.AsyncClient, *pieces: bytes) -> list[bytes]:
    """Send the pieces, each once the one before it has been read; return the statuses that come back."""
    reader, writer = await asyncio.open_connection("127.0.0.1", client.base_url.port)
    try:
        for piece in pieces:
            writer.write(piece)
            await client.get("/healthz")
        return re.findall(rb"HTTP/1.1 (\d+)", await asyncio.wait_for(reader.read(), 10))
    finally:
        writer.close()


@pytest.mark.parametrize(
    ("field", "body"),
    [
        (b"Content-Length: %d\r\n\r\n" % len(BODY), BODY),
        (b"Transfer-Encoding: chunked\r\n\r\n", b"%x\r\n%b\r\n0\r\n\r\n" % (len(BODY), BODY)),
    ],
)
async def test_a_body_behind_an_offer_is_read(
    client: httpx.AsyncClient, store: FakeStore, field: bytes, body: bytes
) -> None:
    assert await statuses(client, ASK + field + body + LAST) == [b"200", b"200"]
    assert await statuses(client, ASK[:99], ASK[99:] + field, body[:9], body[9:] + LAST) == [b"200", b"200"]
    assert [text for _, text, _ in store.searches] == ["Which colour?"] * 2


async def test_an_offer_without_a_body_is_left_aside_too(client: httpx.AsyncClient) -> None:
    assert (
        await statuses(client, b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n" + OFFER + b"\r\n" + LAST) == [b"200"] * 2
    )


async def test_a_tunnel_is_not_to_be_had(client: httpx.AsyncClient) -> None:
    [status] = await statuses(client, b"CONNECT localhost:1 HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert status == b"400"
