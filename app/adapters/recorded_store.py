"""The base of vector stores without transactions: writing a document's record is what publishes it.

A search looks up the records of what it found and drops chunks of all other versions. No two processes may publish the
same document at once. `docs/decisions/publishing-without-transactions.md` gives the reasons.
"""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, ClassVar, TypeVar
from weakref import WeakValueDictionary

from app.adapters.recorded_index import (
    CHANGING,
    CORPUS_ID,
    RecordState,
    TenantIndex,
    Wanted,
    chunk_properties,
    corpus_properties,
    record_properties,
)
from app.adapters.recorded_listing import list_published
from app.adapters.recorded_search import search_published
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
    Matrix,
    Scope,
    Vector,
)
from app.rag.index_rules import (
    is_the_same,
    refuse_stale,
    refuse_stale_delete,
    require_query_vector,
    require_staged,
    require_vectors,
)

T = TypeVar("T")

OPEN_TIMEOUT_S = 15.0
READ_TIMEOUT_S = 10.0
CHANGE_TIMEOUT_S = 120.0
HEALTH_TIMEOUT_S = 2.0
"""Deadlines of whole operations."""


class RecordedStore(ABC):
    """Implements `ports.VectorStore` except `open`, which must set `_dimensions`, and `close`."""

    _system: ClassVar[str]
    """The system's name for operators."""
    _timeouts: ClassVar[tuple[type[Exception], ...]] = (TimeoutError,)
    _failures: ClassVar[tuple[type[Exception], ...]] = ()
    """Errors of its client that are not the ports' own already."""

    def __init__(self) -> None:
        self._dimensions = 0
        self._document_locks: WeakValueDictionary[tuple[str, str], asyncio.Lock] = WeakValueDictionary()

    @abstractmethod
    def _index(self, tenant: str) -> TenantIndex:
        """Return the tenant's index. Raises DependencyUnavailable if the store is not open."""

    @abstractmethod
    async def _ping(self) -> None:
        """Make a request that costs almost nothing. Raises DependencyUnavailable if the store is not open."""

    def _reason(self, error: Exception) -> str:
        """Return what may be told about a failure."""
        return type(error).__name__

    @asynccontextmanager
    async def _reported(self, what: str, timeout_s: float) -> AsyncGenerator[None]:
        """Translate the client's errors into the ports', without their text, which may quote documents."""
        try:
            async with asyncio.timeout(timeout_s):
                yield
        except self._timeouts:
            raise DependencyTimeout("vector_store", f"{self._system} did not {what} in time.") from None
        except self._failures as error:
            message = f"{self._system} did not {what} ({self._reason(error)})."
            raise DependencyUnavailable("vector_store", message) from None

    async def health(self) -> Health:
        try:
            async with self._reported("answer", HEALTH_TIMEOUT_S):
                await self._ping()
        except DependencyUnavailable as error:
            return Health(ok=False, detail=str(error))
        return Health(ok=True)

    async def _writable(self, tenant: str) -> TenantIndex:
        """Return the tenant's index, ready for a change."""
        return self._index(tenant)

    async def _read(self, tenant: str, read: Callable[[TenantIndex], Awaitable[T]], nothing: T) -> T:  # noqa: ARG002 - for a store that must be told of a tenant first
        return await read(self._index(tenant))

    async def stage(self, tenant: str, document: DocumentVersion, chunks: Sequence[Chunk], vectors: Matrix) -> None:
        require_vectors(document, vectors, len(chunks), self._dimensions)
        async with self._changing(tenant, document.doc_id, "stage a document") as index:
            state = (await _states(index, document)).get(document.doc_id)
            if state and not state.deleted and state.record.version == document.version:
                return
            properties = await asyncio.to_thread(lambda: [chunk_properties(chunk, document) for chunk in chunks])
            await index.write_chunks(properties, vectors)
            await index.remove_excess(document.doc_id, document.version, len(chunks))

    async def publish(self, tenant: str, document: DocumentVersion, expected_chunks: int) -> None:
        async with self._changing(tenant, document.doc_id, "publish a document") as index:
            states = await _states(index, document)
            staged = await index.count_chunks(document.doc_id, document.version, expected_chunks)
            require_staged(document, staged, expected_chunks)
            record = record_properties(document, expected_chunks, deleted=False)
            if _is_the_same(document, expected_chunks, states):
                await index.write_records([record])
            else:
                await _write_record(index, record)
            await index.remove_versions(document.doc_id, document.revision, but=document.version)

    async def delete(self, tenant: str, doc_id: str, revision: int) -> bool:
        tombstone = DocumentVersion(doc_id=doc_id, version="", revision=revision, source_uri="", title="")
        async with self._changing(tenant, doc_id, "delete a document") as index:
            state = (await index.states([doc_id])).get(doc_id)
            if state:
                refuse_stale_delete(doc_id, revision, state.record.revision)
            record = record_properties(tombstone, 0, deleted=True)
            if state:  # also if it is a tombstone, whose writer may have died before it changed the corpus version
                await _write_record(index, record)
            else:
                await index.write_records([record])
            await index.remove_versions(doc_id, revision, but=None)
            return state is not None and not state.deleted

    async def get(self, tenant: str, doc_id: str) -> DocumentRecord | None:
        async with self._reported("read a document's record", READ_TIMEOUT_S):
            states = await self._read(tenant, lambda index: index.states([doc_id]), {})
            state = states.get(doc_id)
            return state.record if state and not state.deleted else None

    async def list_documents(
        self, tenant: str, limit: int, after: str = "", groups: frozenset[str] | None = None
    ) -> DocumentPage:
        async with self._reported("list documents", READ_TIMEOUT_S):
            return await self._read(tenant, lambda index: list_published(index, limit, after, groups), DocumentPage())

    async def count_documents(self, tenant: str) -> int:
        async with self._reported("count documents", CHANGE_TIMEOUT_S):
            return await self._read(tenant, lambda index: index.count_documents(), 0)

    async def search(self, tenant: str, text: str, vector: Vector, limit: int, scope: Scope = EVERYTHING) -> list[Hit]:
        require_query_vector(vector, self._dimensions)
        async with self._reported("search", READ_TIMEOUT_S):
            wanted = Wanted(text=text, vector=vector, scope=scope)
            return await self._read(tenant, lambda index: search_published(index, wanted, limit), [])

    async def corpus_version(self, tenant: str) -> str:
        async with self._reported("tell the corpus version", READ_TIMEOUT_S):
            states = await self._read(tenant, lambda index: index.states([CORPUS_ID]), {})
            return states[CORPUS_ID].record.version if states else ""

    @asynccontextmanager
    async def _changing(self, tenant: str, doc_id: str, what: str) -> AsyncGenerator[TenantIndex]:
        """Yield the tenant's index while no other change to this document runs in this process."""
        lock = self._document_locks.setdefault((tenant, doc_id), asyncio.Lock())
        async with lock, self._reported(what, CHANGE_TIMEOUT_S):
            yield await self._writable(tenant)


async def _states(index: TenantIndex, document: DocumentVersion) -> dict[str, RecordState]:
    """Return the states of the document and the corpus. Raises StaleVersion for a newer version or a tombstone."""
    states = await index.states([document.doc_id, CORPUS_ID])
    if state := states.get(document.doc_id):
        refuse_stale(document, state.record.revision, deleted=state.deleted)
    return states


def _is_the_same(document: DocumentVersion, chunks: int, states: dict[str, RecordState]) -> bool:
    """Whether publishing changes nothing for readers; never while a change is marked, even one whose writer died."""
    state, corpus = states.get(document.doc_id), states.get(CORPUS_ID)
    if state is None or state.deleted or corpus is None or corpus.record.title == CHANGING:
        return False
    return is_the_same(document, chunks, state.record)


async def _write_record(index: TenantIndex, record: dict[str, Any]) -> None:
    """Mark the corpus as changing, write the document's record, then mark the corpus as changed.

    If the writer dies in between, the mark remains, so readers notice the change; except those who read the corpus
    version and searched in the moment just before the record was written.
    """
    await index.write_records([corpus_properties(changing=True)])
    await index.write_records([record])
    await index.write_records([corpus_properties(changing=False)])
