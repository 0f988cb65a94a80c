"""The vector store on PostgreSQL with pgvector 0.8 or newer, in a schema of its own, with one transaction per change.

Any number of processes may read and write. A search is a single statement, so it sees one state of the index.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import astuple, fields
from math import isnan
from typing import Any, TypeVar, cast
from weakref import WeakValueDictionary

import psycopg
from psycopg.sql import SQL, Composed
from psycopg_pool import AsyncConnectionPool, PoolTimeout
from pydantic_core import to_json

from app.adapters import pgvector_store_sql as sql
from app.adapters.batches import batches
from app.adapters.pgvector_store_connection import (
    CONNECT_TIMEOUT_S,
    Connection,
    PgvectorConnection,
    all_rows,
    arguments,
    one_row,
)
from app.adapters.pgvector_store_schema import create_and_identify
from app.ports import (
    EVERYTHING,
    Chunk,
    DependencyTimeout,
    DependencyUnavailable,
    DocumentPage,
    DocumentRecord,
    DocumentVersion,
    Health,
    Hit,
    IndexIdentity,
    Matrix,
    RequestRefused,
    Scope,
    Vector,
)
from app.rag.fusion import LEG_LIMIT, query_words, relative_score
from app.rag.index_rules import (
    is_the_same,
    page_by_id,
    refuse_stale,
    refuse_stale_delete,
    require_identity,
    require_query_vector,
    require_staged,
    require_vectors,
)

T = TypeVar("T")

MAX_CONNECTIONS = 8
"""Per replica; a search uses one for some milliseconds."""
MAX_CHANGES = 3
"""Concurrent changes per replica: a change holds its connection for as long as it takes, and the rest is for reads."""
OPEN_TIMEOUT_S = 15.0
READ_TIMEOUT_S = 10.0
CHANGE_TIMEOUT_S = 120.0
TLS_FAILED = "TLS: its certificate must be valid, of a trusted authority and for this name"


class PgvectorStore:
    """Implements `ports.VectorStore`. May be opened again after `open` failed."""

    def __init__(self, connection: PgvectorConnection) -> None:
        self._connection = connection
        self._pool: AsyncConnectionPool[Connection] | None = None
        self._dimensions = 0
        self._abandoned: set[asyncio.Task[Any]] = set()
        self._changes = asyncio.Semaphore(MAX_CHANGES)
        self._document_locks: WeakValueDictionary[tuple[str, str], asyncio.Lock] = WeakValueDictionary()

    async def open(self, identity: IndexIdentity) -> None:
        await self.close()
        there = self._connection
        where = f"{there.host}:{there.port}/{there.database}"

        async def prepare() -> object:
            async with await psycopg.AsyncConnection.connect(**arguments(there)) as connection:
                return await create_and_identify(connection, there.schema, identity)

        found = await self._bounded(prepare(), f"open the index at {where}", OPEN_TIMEOUT_S)
        require_identity(found, identity, f"The index {there.schema} in PostgreSQL at {where}")
        self._pool = AsyncConnectionPool[Connection](
            kwargs=arguments(there) | {"autocommit": True},
            min_size=1,
            max_size=MAX_CONNECTIONS,
            timeout=READ_TIMEOUT_S,
            open=False,
        )
        await self._pool.open()
        self._dimensions = identity.dimensions

    async def stage(self, tenant: str, document: DocumentVersion, chunks: Sequence[Chunk], vectors: Matrix) -> None:
        require_vectors(document, vectors, len(chunks), self._dimensions)

        def row(chunk: Chunk, vector: list[float]) -> tuple[Any, ...]:
            return tenant, document.revision, _literal(vector), *astuple(chunk)

        async def change(connection: Connection) -> None:
            await _current(connection, tenant, document)
            await connection.execute(sql.FORGET_STAGED, (tenant, document.doc_id, document.version))
            async with connection.cursor() as cursor:
                async for rows in batches(row, chunks, vectors):
                    await cursor.executemany(sql.STAGE, rows)

        await self._change(change, tenant, document.doc_id, "stage a document")

    async def publish(self, tenant: str, document: DocumentVersion, expected_chunks: int) -> None:
        key = (tenant, document.doc_id, document.version)
        scope = (list(document.groups), list(document.tags))

        async def change(connection: Connection) -> None:
            replaced = await _current(connection, tenant, document)
            (staged,) = await one_row(connection, sql.COUNT_STAGED, key)
            require_staged(document, staged, expected_chunks)
            published = await all_rows(connection, sql.DOCUMENT, {"tenant": tenant, "doc_id": document.doc_id})
            await connection.execute(sql.REMOVE_OTHER_VERSIONS, (*key, document.revision))
            await connection.execute(sql.SHOW_VERSION, (*scope, *key))
            record = (*key, document.revision, document.source_uri, document.title, expected_chunks, False, *scope)
            await connection.execute(sql.SET_DOCUMENT, record)
            if not is_the_same(document, expected_chunks, _record(published[0]) if published else None):
                await connection.execute(sql.CHANGE_CORPUS, (tenant, expected_chunks - replaced))

        await self._change(change, tenant, document.doc_id, "publish a document")

    async def delete(self, tenant: str, doc_id: str, revision: int) -> bool:
        async def change(connection: Connection) -> bool:
            found = await one_row(connection, sql.STATE_OF_DOCUMENT, (tenant, doc_id))
            if found:
                refuse_stale_delete(doc_id, revision, found[0])
            await connection.execute(sql.REMOVE_OTHER_VERSIONS, (tenant, doc_id, "", revision))
            await connection.execute(sql.SET_DOCUMENT, (tenant, doc_id, "", revision, "", "", 0, True, [], []))
            if found:
                await connection.execute(sql.CHANGE_CORPUS, (tenant, -found[2]))
            return bool(found and not found[1])

        return await self._change(change, tenant, doc_id, "delete a document")

    async def get(self, tenant: str, doc_id: str) -> DocumentRecord | None:
        records = await self._records(sql.DOCUMENT, {"tenant": tenant, "doc_id": doc_id})
        return records[0] if records else None

    async def list_documents(
        self, tenant: str, limit: int, after: str = "", groups: frozenset[str] | None = None
    ) -> DocumentPage:
        readers = None if groups is None else sorted(groups)
        wanted = {"tenant": tenant, "after": after, "groups": readers, "limit": limit + 1}
        return page_by_id(await self._records(sql.DOCUMENTS, wanted), limit)

    async def count_documents(self, tenant: str) -> int:
        counting = self._read(lambda c: one_row(c, sql.COUNT_DOCUMENTS, (tenant,)), "count documents", READ_TIMEOUT_S)
        return (await counting or (0,))[0]

    async def search(self, tenant: str, text: str, vector: Vector, limit: int, scope: Scope = EVERYTHING) -> list[Hit]:
        require_query_vector(vector, self._dimensions)
        statement = sql.search(max(LEG_LIMIT, limit), len(scope.tags))
        wanted: dict[str, Any] = {
            "tenant": tenant,
            "words": query_words(text),
            "vector": _literal(vector.tolist()),
            "has_vector": bool(vector.any()),
            "groups": None if scope.groups is None else sorted(scope.groups),
        }
        wanted |= {f"tags{number}": sorted(tags) for number, tags in enumerate(scope.tags)}
        rows = await self._read(lambda c: all_rows(c, statement, wanted), "search", READ_TIMEOUT_S)
        return _fused(rows)[:limit]

    async def corpus_version(self, tenant: str) -> str:
        found = await self._read(
            lambda c: one_row(c, sql.CORPUS_VERSION, (tenant,)),
            "tell the corpus version",
            READ_TIMEOUT_S,
        )
        return found[0] if found else ""

    async def health(self) -> Health:
        try:
            await self._read(lambda c: all_rows(c, SQL("SELECT 1"), ()), "answer", CONNECT_TIMEOUT_S)
        except DependencyUnavailable as error:
            return Health(ok=False, detail=str(error))
        return Health(ok=True)

    async def close(self) -> None:
        pool, self._pool = self._pool, None
        if pool:
            await pool.close()

    async def _records(self, statement: Composed, wanted: dict[str, Any]) -> list[DocumentRecord]:
        rows = await self._read(lambda c: all_rows(c, statement, wanted), "read records", READ_TIMEOUT_S)
        return [_record(row) for row in rows]

    async def _read(self, read: Callable[[Connection], Awaitable[T]], what: str, timeout_s: float) -> T:
        """Run the read, and retry once if its connection turns out to lead to a server that is gone."""
        pool = self._opened()

        async def run() -> T:
            try:
                async with pool.connection() as connection:
                    return await read(connection)
            except PoolTimeout:
                raise
            except psycopg.OperationalError:
                await pool.check()
                async with pool.connection() as connection:
                    return await read(connection)

        return await self._bounded(run(), what, timeout_s)

    async def _change(self, change: Callable[[Connection], Awaitable[T]], tenant: str, doc_id: str, what: str) -> T:
        """Run the change in one transaction, while no other change to this document runs anywhere.

        Changes to one document in this process queue up before they take a place or a connection.
        """
        pool = self._opened()
        lock = self._document_locks.setdefault((tenant, doc_id), asyncio.Lock())

        async def run() -> T:
            async with lock, self._changes, pool.connection() as connection, connection.transaction():
                await connection.execute(sql.LOCK, (f"{self._connection.schema} {tenant} {doc_id}",))
                return await change(connection)

        return await self._bounded(run(), what, CHANGE_TIMEOUT_S)

    def _opened(self) -> AsyncConnectionPool[Connection]:
        if self._pool is None:
            raise DependencyUnavailable("vector_store", "PostgreSQL is not connected; the store was not opened.")
        return self._pool

    async def _bounded(self, work: Awaitable[T], what: str, timeout_s: float) -> T:
        """Translate psycopg's errors into the ports', without their text, which may quote documents.

        Cancelling a statement waits for the server's confirmation. Nobody waits here for a server that does not
        confirm: the work is left to itself, with its connection.
        """
        task = asyncio.ensure_future(work)
        try:
            async with asyncio.timeout(timeout_s):
                return await asyncio.shield(task)
        except (TimeoutError, PoolTimeout):
            raise DependencyTimeout("vector_store", f"PostgreSQL did not {what} in time.") from None
        except psycopg.DataError as error:
            raise RequestRefused("vector_store", f"PostgreSQL cannot {what} ({_reason(error)}).") from None
        except psycopg.Error as error:
            raise DependencyUnavailable("vector_store", f"PostgreSQL did not {what} ({_reason(error)}).") from None
        finally:
            if not task.done():
                task.cancel()
                self._abandoned.add(task)
                task.add_done_callback(self._forget)

    def _forget(self, task: asyncio.Task[Any]) -> None:
        self._abandoned.discard(task)
        if not task.cancelled():
            task.exception()


def _reason(error: psycopg.Error) -> str:
    """Return what an operator may know about an error, without its text."""
    is_of_tls = error.sqlstate is None and any(word in str(error) for word in ("SSL error", "certificate"))
    return TLS_FAILED if is_of_tls else type(error).__name__


async def _current(connection: Connection, tenant: str, document: DocumentVersion) -> int:
    """Return how many chunks of the document are published. Raises StaleVersion for a newer version or a tombstone."""
    found = await one_row(connection, sql.STATE_OF_DOCUMENT, (tenant, document.doc_id))
    if not found:
        return 0
    revision, deleted, chunks = found
    refuse_stale(document, revision, deleted=deleted)
    return chunks


def _literal(vector: list[float]) -> str:
    """Return the vector in pgvector's format, in a quarter of the time that `str` takes."""
    return to_json(vector).decode()


def _record(row: tuple[Any, ...]) -> DocumentRecord:
    names = [field.name for field in fields(DocumentRecord)]  # the order of the columns of either statement
    return DocumentRecord(**dict(zip(names, map(_immutable, row), strict=True)))


def _immutable(value: Any) -> Any:
    return tuple(cast("list[Any]", value)) if isinstance(value, list) else value


def _is_score(value: float | None) -> bool:
    """Whether it is a number: comparing with a zero vector gives NaN."""
    return value is not None and not isnan(value)


def _fused(rows: Sequence[tuple[Any, ...]]) -> list[Hit]:
    names = [field.name for field in fields(Chunk)]  # the order of the columns of a search
    chunks = [Chunk(**dict(zip(names, of_chunk, strict=True))) for _, _, *of_chunk in rows]
    keyword, vector = (
        sorted(((n, row[leg]) for n, row in enumerate(rows) if _is_score(row[leg])), key=lambda item: -item[1])
        for leg in (0, 1)
    )
    return [Hit(chunk=chunks[n], score=score) for n, score in relative_score(keyword, vector)]
