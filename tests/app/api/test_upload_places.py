"""Uploads are bounded by their number: what finds no place waits unread, or is told when to come back."""

import asyncio
from asyncio import StreamReader, StreamWriter

import httpx
import pytest

from app.security.api_keys import key_entry, new_key
from tests.app.api.conftest import Serve
from tests.app.api.test_bad_input import problem

pytestmark = pytest.mark.anyio
FORM = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.md"\r\n\r\nSpot nodes drain.\r\n--x--\r\n'
HEAD = (
    b"POST /v1/documents HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
    b"Content-Type: multipart/form-data; boundary=x\r\nContent-Length: %d\r\n\r\n" % len(FORM)
)
Upload = tuple[StreamReader, StreamWriter]


@pytest.fixture(autouse=True)
def one_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.api.upload_places.PLACES", 1)
    monkeypatch.setattr("app.api.upload_places.QUEUE", 1)


async def begun(client: httpx.AsyncClient, key: str = "") -> Upload:
    """Begin an upload that has a place: the service has asked for its body."""
    reader, writer = await asyncio.open_connection("127.0.0.1", client.base_url.port)
    more = f"\r\nX-API-Key: {key}\r\nExpect: 100-continue\r\n\r\n".encode()
    writer.write(HEAD.replace(b"\r\n\r\n", more))
    await asyncio.wait_for(reader.readuntil(b"100 Continue\r\n\r\n"), 10)
    return reader, writer


async def answer(upload: Upload, rest: bytes = b"") -> bytes:
    reader, writer = upload
    writer.write(rest)
    try:
        return await asyncio.wait_for(reader.read(), 10)
    finally:
        writer.close()


async def add(client: httpx.AsyncClient, key: str = "") -> httpx.Response:
    files = {"file": ("a.md", b"Spot nodes drain.")}
    return await client.post("/v1/documents", files=files, headers={"X-API-Key": key})


async def one_waits(client: httpx.AsyncClient) -> tuple[httpx.Response, "asyncio.Task[httpx.Response]"]:
    """Send two more; return the answer to the one that the queue has no room for, and the one that waits."""
    uploads = {asyncio.create_task(add(client)), asyncio.create_task(add(client))}
    [refused], [waiting] = await asyncio.wait(uploads, timeout=10, return_when=asyncio.FIRST_COMPLETED)
    return await refused, waiting


async def test_who_finds_no_place_waits_for_one_and_the_next_is_told_at_once(client: httpx.AsyncClient) -> None:
    first = await begun(client)
    refused, waiting = await one_waits(client)
    assert "send this one again in 5 s" in problem(refused, 429)
    assert refused.headers["retry-after"] == "5"
    assert (await client.get("/v1/documents")).is_success
    assert not waiting.done()
    assert b"HTTP/1.1 200" in await answer(first, FORM)
    assert (await waiting).is_success
    metrics = (await client.get("/metrics")).text
    assert 'rag_requests_total{endpoint="/v1/documents",status="429"} 1.0' in metrics


async def test_no_byte_of_a_body_is_waited_for_before_its_turn(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.api.upload_places.MAX_WAIT_S", 0.2)
    async with serve() as client:
        first = await begun(client)
        reader, writer = await asyncio.open_connection("127.0.0.1", client.base_url.port)
        writer.write(HEAD)
        assert b"HTTP/1.1 429" in await answer((reader, writer))
        assert b"HTTP/1.1 200" in await answer(first, FORM)


async def test_a_client_that_leaves_leaves_its_place(client: httpx.AsyncClient) -> None:
    _, writer = await begun(client)
    _, waiting = await one_waits(client)
    writer.close()
    assert (await asyncio.wait_for(waiting, 10)).is_success


async def test_one_tenants_slow_uploads_leave_room_for_anothers(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.api.upload_places.PLACES", 2)
    monkeypatch.setattr("app.api.upload_places.PLACES_OF_A_TENANT", 1)
    slow, quick = new_key(), new_key()
    async with serve(api_keys=f"{key_entry('a', 'acme', slow)},{key_entry('b', 'globex', quick)}") as client:
        first = await begun(client, slow)
        waiting = asyncio.create_task(add(client, slow))
        assert (await asyncio.wait_for(add(client, quick), 10)).is_success
        assert not waiting.done()
        assert b"HTTP/1.1 200" in await answer(first, FORM)
        assert (await waiting).is_success
