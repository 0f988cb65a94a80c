"""PostgreSQL over TLS: the server must show a certificate of a trusted authority and of its own name."""

import asyncio
import ssl
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app.adapters.pgvector_store import TLS_FAILED, PgvectorStore
from app.adapters.pgvector_store_connection import PgvectorConnection
from app.ports import DependencyUnavailable
from tests.contract.vector_store_contract import IDENTITY, put, texts_found, version
from tests.support.certificates import NAME, Certificates, issued
from tests.support.postgres import PostgresServer, postgres_server

pytestmark = [pytest.mark.anyio, pytest.mark.needs("postgres")]
SSL_REQUEST = b"\x00\x00\x00\x08\x04\xd2\x16\x2f"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Generator[PostgresServer]:
    with postgres_server(tmp_path_factory.mktemp("postgres")) as server:
        yield server


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return issued(tmp_path_factory.mktemp("certificates"))


async def carry(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await source.read(65536):
            sink.write(data)
    sink.close()


@asynccontextmanager
async def tls_before(server: PostgresServer, certificate: Path) -> AsyncGenerator[int]:
    """Yield a port that takes TLS alone, begun as PostgreSQL begins it: the packaged server is built without."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            if await reader.readexactly(len(SSL_REQUEST)) == SSL_REQUEST:
                writer.write(b"S")
                await writer.start_tls(context)
                there, back = await asyncio.open_connection("127.0.0.1", server.port)
                await asyncio.gather(carry(reader, back), carry(there, writer))
        writer.close()

    listening = await asyncio.start_server(accept, "127.0.0.1", 0)
    yield listening.sockets[0].getsockname()[1]
    listening.close()


@pytest.fixture
async def connection(server: PostgresServer, certificates: Certificates) -> AsyncGenerator[PgvectorConnection]:
    async with tls_before(server, certificates.server) as port:
        there = server.connection("over_tls")
        yield replace(there, host=NAME, port=port, tls=True, ca_file=certificates.authority)


async def test_a_server_of_a_trusted_authority_is_used(connection: PgvectorConnection) -> None:
    store = PgvectorStore(connection)
    await store.open(IDENTITY)
    await put(store, version(), "apple")
    assert await texts_found(store) == {"apple"}
    assert (await store.health()).ok
    await store.close()


@pytest.mark.parametrize("fault", ["another authority", "the system's authorities", "another name"])
async def test_a_server_that_is_not_trusted_is_refused(
    connection: PgvectorConnection, tmp_path: Path, fault: str
) -> None:
    others: dict[str, dict[str, Any]] = {
        "another authority": {"ca_file": issued(tmp_path).authority},
        "the system's authorities": {"ca_file": None},
        "another name": {"host": "127.0.0.1"},
    }
    there = replace(connection, **others[fault])
    store = PgvectorStore(there)
    try:
        with pytest.raises(DependencyUnavailable) as refused:
            await store.open(IDENTITY)
    finally:
        await store.close()
    where = f"{there.host}:{there.port}/postgres"
    assert str(refused.value) == f"PostgreSQL did not open the index at {where} ({TLS_FAILED})."
