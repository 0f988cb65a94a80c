"""The pool of connections on real sockets."""

import asyncio
import ssl
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Self

import pytest
from pydantic import SecretStr

from app.adapters import http_client
from app.adapters.http import ModelServer
from app.adapters.http_answer import ConnectionFailed
from app.adapters.http_client import HttpClient, Origin
from tests.support.certificates import issued

pytestmark = pytest.mark.anyio
REQUEST = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody"


class Server:
    """Answers every request; `afterwards` is what it then says unasked."""

    def __init__(self, afterwards: bytes = b"", tls: ssl.SSLContext | None = None) -> None:
        self._afterwards, self._tls = afterwards, tls
        self.connections = 0
        self.left = asyncio.Semaphore(0)

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._tls)
        port: int = self._server.sockets[0].getsockname()[1]
        self.origin = Origin("127.0.0.1", port, self._tls is not None)
        return self

    async def __aexit__(self, *_error: object) -> None:
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while await reader.readuntil(b"\r\n\r\n"):
                writer.write(ANSWER)
                writer.write(self._afterwards)
        except (asyncio.IncompleteReadError, ConnectionError):
            self.left.release()
        finally:
            writer.close()


@asynccontextmanager
async def served(server: Server) -> AsyncGenerator[HttpClient, None]:
    async with server, HttpClient(read_timeout_s=2) as client:
        yield client


async def ask(client: HttpClient, origin: Origin) -> bytes:
    answer = await client.ask(origin, REQUEST)
    try:
        return await answer.read()
    finally:
        answer.close()


async def test_one_connection_serves_request_after_request_and_several_serve_several_at_once() -> None:
    async with served(server := Server()) as client:
        assert [await ask(client, server.origin) for _ in range(3)] == [b"body"] * 3
        assert server.connections == 1
        assert await asyncio.gather(*(ask(client, server.origin) for _ in range(3))) == [b"body"] * 3
    assert server.connections == 3


async def test_a_connection_that_was_idle_for_long_is_closed_and_not_used_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(http_client, "IDLE_S", -1)
    async with served(server := Server()) as client:
        for _ in range(3):
            await ask(client, server.origin)
        assert server.connections == 3
        await server.left.acquire()
        await server.left.acquire()


async def test_leaving_the_context_closes_what_is_open() -> None:
    async with served(server := Server()) as client:
        await ask(client, server.origin)
        await client.__aexit__()
        await asyncio.wait_for(server.left.acquire(), 5)


async def test_a_connection_on_which_more_comes_than_was_asked_for_is_not_used_again() -> None:
    async with served(server := Server(afterwards=ANSWER)) as client:
        for _ in range(3):
            assert await ask(client, server.origin) == b"body"
    assert server.connections == 3


async def test_a_certificate_must_be_one_that_is_trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificates = issued(tmp_path)
    context.load_cert_chain(certificates.server)
    async with served(server := Server(tls=context)) as client:
        with pytest.raises(ConnectionFailed, match="CertVerification"):
            await ask(client, server.origin)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates.authority))
    async with served(server := Server(tls=context)) as client:
        assert await ask(client, server.origin._replace(host="localhost")) == b"body"


@pytest.mark.parametrize("key", ["two\r\nlines", "clé", " "])
async def test_a_key_that_no_header_can_carry_is_refused_without_being_named(key: str) -> None:
    async with HttpClient(1) as client:
        with pytest.raises(ValueError, match="API key of the embedder") as caught:
            ModelServer(client, "http://127.0.0.1:9/v1", SecretStr(key), "embedder")
    assert key == " " or key not in str(caught.value)
