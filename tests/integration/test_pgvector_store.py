"""The pgvector adapter where PostgreSQL refuses, stalls or drops connections, and what a killed writer leaves in it."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from app.adapters import pgvector_store
from app.adapters import pgvector_store_sql as sql
from app.adapters.pgvector_store import PgvectorStore
from app.adapters.pgvector_store_connection import PgvectorConnection
from app.ports import DependencyTimeout, DependencyUnavailable, IndexMismatch, RequestRefused
from tests.contract.vector_store_contract import EAST, IDENTITY, TENANT, put, texts_found, version
from tests.support.postgres import PostgresServer, postgres_server

pytestmark = [pytest.mark.anyio, pytest.mark.needs("postgres")]
PASSAGES = 40
WRITER = """
import asyncio, sys
from psycopg.sql import SQL
from app.adapters import pgvector_store_sql as sql
from app.adapters.pgvector_store import PgvectorStore
from tests.contract.vector_store_contract import IDENTITY
from tests.integration.test_pgvector_store import put_version
from tests.support.postgres import PostgresServer

async def main(port, password, schema):
    store = PgvectorStore(PostgresServer(port=int(port), password=password, pid=0).connection(schema))
    await store.open(IDENTITY)
    await put_version(store, 0)
    sql.SHOW_VERSION = SQL("SELECT pg_sleep(60)" + ", %s::text" * 5)
    await put_version(store, 1)

asyncio.run(main(*sys.argv[1:]))
"""


async def put_version(store: PgvectorStore, n: int) -> None:
    await put(store, version(name=f"v{n}", revision=n + 1), *(f"apple {part} of {n}" for part in range(PASSAGES)))


async def versions_found(store: PgvectorStore) -> set[str]:
    found = await texts_found(store, limit=100)
    assert len(found) in {0, PASSAGES}
    return {text.split()[-1] for text in found}


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Generator[PostgresServer]:
    with postgres_server(tmp_path_factory.mktemp("postgres")) as server:
        yield server


@pytest.fixture
def connection(server: PostgresServer) -> PgvectorConnection:
    return server.connection(f"t{uuid4().hex}")


@pytest.fixture
async def store(connection: PgvectorConnection) -> AsyncGenerator[PgvectorStore]:
    store = PgvectorStore(connection)
    await store.open(IDENTITY)
    yield store
    await store.close()


@pytest.fixture
def admin(connection: PgvectorConnection) -> Generator[psycopg.Connection]:
    with psycopg.connect(
        host=connection.host, port=connection.port, user="postgres", password=connection.password, autocommit=True
    ) as admin:
        yield admin


def backends(admin: psycopg.Connection) -> list[int]:
    return [pid for (pid,) in admin.execute("SELECT pid FROM pg_stat_activity WHERE application_name = 'ragspan'")]


@pytest.mark.parametrize(
    "fault", [{"password": "wrong"}, {"port": 9}, {"tls": True}], ids=["wrong password", "no server", "no TLS"]
)
async def test_a_server_that_cannot_be_used_is_said_without_its_words_or_the_password(
    connection: PgvectorConnection, fault: dict[str, Any]
) -> None:
    store = PgvectorStore(replace(connection, **fault))
    with pytest.raises(DependencyUnavailable) as refused:
        await store.open(IDENTITY)
    where = f"127.0.0.1:{fault.get('port', connection.port)}/postgres"
    assert str(refused.value) == f"PostgreSQL did not open the index at {where} (OperationalError)."
    assert refused.value.dependency == "vector_store"
    assert not (await store.health()).ok


async def test_the_password_is_in_no_representation(connection: PgvectorConnection, server: PostgresServer) -> None:
    assert server.password not in repr(connection) + repr(PgvectorStore(connection)) + repr(server)


async def test_a_store_can_be_opened_after_it_failed_to(connection: PgvectorConnection, store: PgvectorStore) -> None:
    with pytest.raises(IndexMismatch):
        await store.open(replace(IDENTITY, model="other"))
    with pytest.raises(DependencyUnavailable, match="not opened"):
        await store.get(TENANT, "report")
    await store.open(IDENTITY)
    await put(store, version(), "apple")
    assert await texts_found(store) == {"apple"}


async def test_vectors_too_long_for_an_index_are_compared_one_by_one(connection: PgvectorConnection) -> None:
    store = PgvectorStore(connection)
    await store.open(replace(IDENTITY, dimensions=4001))
    assert (await store.health()).ok
    await store.close()


async def test_a_lost_connection_costs_a_read_no_more_than_another_try(
    store: PgvectorStore, admin: psycopg.Connection
) -> None:
    await put(store, version(), "apple")
    for pid in backends(admin):
        admin.execute("SELECT pg_terminate_backend(%s, 5000)", (pid,))
    assert await texts_found(store) == {"apple"}


async def test_what_no_text_of_the_server_can_hold_is_not_held_against_it(store: PgvectorStore) -> None:
    for refused in (store.get(TENANT, "a\0b"), store.delete(TENANT, "a\0b", 1), store.corpus_version("a\0b")):
        with pytest.raises(RequestRefused):
            await refused


async def test_a_stalled_server_is_a_timeout_that_waits_for_no_cancellation(
    store: PgvectorStore, admin: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pgvector_store, "READ_TIMEOUT_S", 0.5)
    await put(store, version(), "apple")
    stalled = backends(admin)
    for pid in stalled:
        os.kill(pid, signal.SIGSTOP)
    started = time.monotonic()
    try:
        with pytest.raises(DependencyTimeout):
            await store.search(TENANT, "apple", EAST, 5)
    finally:
        for pid in stalled:
            os.kill(pid, signal.SIGCONT)
    assert time.monotonic() - started < 4  # psycopg alone would wait until the server goes on
    monkeypatch.undo()
    assert await texts_found(store) == {"apple"}


def _waiting(admin: psycopg.Connection) -> int:
    return len(admin.execute("SELECT FROM pg_locks WHERE NOT granted").fetchall())


class TestChangesThatAnotherReplicaHoldsUp:
    """A change waits for the lock of its document, which somebody else has."""

    @asynccontextmanager
    async def holding_up(
        self, store: PgvectorStore, admin: psycopg.Connection, schema: str, doc_ids: list[str], waiting: int
    ) -> AsyncGenerator[None]:
        """Delete these documents, each locked; the block runs as soon as so many deletes wait for the server."""
        async with asyncio.timeout(60), asyncio.TaskGroup() as deletes:
            with admin.transaction():
                for doc_id in doc_ids:
                    admin.execute(sql.LOCK, (f"{schema} {TENANT} {doc_id}",))
                for doc_id in doc_ids:
                    deletes.create_task(store.delete(TENANT, doc_id, 1))
                while _waiting(admin) < waiting:  # noqa: ASYNC110 - PostgreSQL tells nobody
                    await asyncio.sleep(0.01)
                yield

    async def test_they_leave_connections_to_searches(
        self, store: PgvectorStore, admin: psycopg.Connection, connection: PgvectorConnection
    ) -> None:
        await put(store, version(), "apple")
        doc_ids = [f"d{n}" for n in range(pgvector_store.MAX_CONNECTIONS + 1)]
        async with self.holding_up(store, admin, connection.schema, doc_ids, pgvector_store.MAX_CHANGES):
            assert await texts_found(store) == {"apple"}

    async def test_those_of_one_document_leave_places_to_the_others(
        self, store: PgvectorStore, admin: psycopg.Connection, connection: PgvectorConnection
    ) -> None:
        doc_ids = ["letter"] * pgvector_store.MAX_CHANGES
        async with self.holding_up(store, admin, connection.schema, doc_ids, 1), asyncio.timeout(10):
            await put(store, version(), "apple")
            assert await texts_found(store) == {"apple"}


async def test_a_writer_killed_halfway_through_a_publish_leaves_the_old_version_and_frees_its_lock(
    connection: PgvectorConnection, server: PostgresServer, admin: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pgvector_store, "CHANGE_TIMEOUT_S", 30)  # half of what the dead writer's statement would take
    place = (str(server.port), server.password, connection.schema)
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", WRITER, *place)
    async with asyncio.timeout(60):
        while not admin.execute("SELECT pid FROM pg_stat_activity WHERE wait_event = 'PgSleep'").fetchall():
            assert process.returncode is None
            await asyncio.sleep(0.02)
    process.kill()
    await process.wait()
    store = PgvectorStore(connection)
    await store.open(IDENTITY)
    assert await versions_found(store) == {"0"}
    await put_version(store, 1)
    assert await versions_found(store) == {"1"}
    await store.close()
