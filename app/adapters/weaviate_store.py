"""The vector store on Weaviate 1.39 or newer: native tenants, hybrid search, quorum reads and writes.

Weaviate has no transactions. A document is published by one write of its record; a search looks up the records of what
it found and drops every chunk of another version. Two processes must not publish one document at the same time.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TypeVar, cast
from urllib.parse import urlsplit
from weakref import WeakValueDictionary

import httpx
import weaviate
from weaviate import WeaviateAsyncClient
from weaviate.classes.init import AdditionalConfig, Auth, Timeout
from weaviate.exceptions import WeaviateBaseError, WeaviateQueryError, WeaviateTimeoutError

from app.adapters.weaviate_store_schema import (
    chunk_object,
    complete_collections,
    create_collections,
    record_object,
    stored_identity,
)
from app.adapters.weaviate_store_search import search_published
from app.adapters.weaviate_store_tenant import TenantCollections, Wanted
from app.ports import (
    EVERYTHING,
    Chunk,
    DependencyTimeout,
    DependencyUnavailable,
    DocumentRecord,
    DocumentVersion,
    Health,
    Hit,
    IndexIdentity,
    Matrix,
    Scope,
    Vector,
)
from app.rag.index_rules import (
    refuse_stale,
    refuse_stale_delete,
    require_identity,
    require_query_vector,
    require_staged,
    require_vectors,
)

logging.getLogger("weaviate-client").setLevel(logging.CRITICAL)  # it logs whole objects, document text included

T = TypeVar("T")

OLDEST_VERSION = (1, 39)
OPEN_TIMEOUT_S = 15.0
READ_TIMEOUT_S = 10.0
INSERT_TIMEOUT_S = 20.0
CHANGE_TIMEOUT_S = 120.0
"""Deadlines of one insert, which is then made again, and of whole operations; the client retries for a minute."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WeaviateConnection:
    """Where Weaviate is. The collections are `<collection_prefix>Chunk` and `<collection_prefix>Document`."""

    http_url: str
    grpc_host: str
    grpc_port: int
    grpc_secure: bool
    api_key: str | None = field(default=None, repr=False)
    collection_prefix: str
    replication_factor: int


class WeaviateStore:
    """Satisfies `ports.VectorStore`. May be opened again after an `open` that failed."""

    def __init__(self, connection: WeaviateConnection) -> None:
        self._connection = connection
        self._client: WeaviateAsyncClient | None = None
        self._dimensions = 0
        self._known_tenants: set[str] = set()
        self._document_locks: WeakValueDictionary[tuple[str, str], asyncio.Lock] = WeakValueDictionary()

    async def open(self, identity: IndexIdentity) -> None:
        await self.close()
        there, prefix = self._connection, self._connection.collection_prefix
        where = f"{there.http_url}, gRPC {there.grpc_host}:{there.grpc_port}"
        async with _reported(f"open the index at {where}", OPEN_TIMEOUT_S):
            self._client = connection = client(self._connection)
            await connection.connect()
            await _check_version(connection)
            await create_collections(connection, prefix, identity, self._connection.replication_factor)
            found = await stored_identity(connection, prefix)
            await TenantCollections(connection, prefix, "").exists()  # else gRPC would first be missed by a search
        require_identity(found, identity, f"The index {prefix} in Weaviate")
        async with _reported("complete the index", OPEN_TIMEOUT_S):
            await complete_collections(connection, prefix)
        self._dimensions = identity.dimensions

    async def stage(self, tenant: str, document: DocumentVersion, chunks: Sequence[Chunk], vectors: Matrix) -> None:
        require_vectors(document, vectors, len(chunks), self._dimensions)
        objects = [
            chunk_object(chunk, document, vector.tolist()) for chunk, vector in zip(chunks, vectors, strict=True)
        ]
        async with self._changing(tenant, document.doc_id, "stage a document") as index:
            if await _is_published(index, document):
                return
            await index.write_chunks(objects)
            await index.remove_excess(document.doc_id, document.version, len(chunks))

    async def publish(self, tenant: str, document: DocumentVersion, expected_chunks: int) -> None:
        async with self._changing(tenant, document.doc_id, "publish a document") as index:
            await _is_published(index, document)
            staged = await index.count_chunks(document.doc_id, document.version, expected_chunks)
            require_staged(document, staged, expected_chunks)
            await index.write_record(record_object(document, expected_chunks, deleted=False))
            await index.remove_versions(document.doc_id, document.revision, but=document.version)

    async def delete(self, tenant: str, doc_id: str, revision: int) -> bool:
        tombstone = DocumentVersion(doc_id=doc_id, version="", revision=revision, source_uri="", title="")
        async with self._changing(tenant, doc_id, "delete a document") as index:
            state = (await index.states([doc_id])).get(doc_id)
            if state:
                refuse_stale_delete(doc_id, revision, state.record.revision)
            await index.write_record(record_object(tombstone, 0, deleted=True))
            await index.remove_versions(doc_id, revision, but=None)
            return state is not None and not state.deleted

    async def get(self, tenant: str, doc_id: str) -> DocumentRecord | None:
        async with _reported("read a document's record", READ_TIMEOUT_S):
            states = await self._read(tenant, lambda index: index.states([doc_id]), {})
            state = states.get(doc_id)
            return state.record if state and not state.deleted else None

    async def list_documents(self, tenant: str) -> list[DocumentRecord]:
        async with _reported("list documents", CHANGE_TIMEOUT_S):
            states = await self._read(tenant, lambda index: index.all_states(), [])
            records = [state.record for state in states if not state.deleted]
            return sorted(records, key=lambda record: (record.source_uri, record.doc_id))

    async def search(self, tenant: str, text: str, vector: Vector, limit: int, scope: Scope = EVERYTHING) -> list[Hit]:
        require_query_vector(vector, self._dimensions)
        async with _reported("search", READ_TIMEOUT_S):
            wanted = Wanted(text=text, vector=vector, scope=scope)
            return await self._read(tenant, lambda index: search_published(index, wanted, limit), [])

    async def corpus_version(self, tenant: str) -> str:
        async with _reported("tell the corpus version", READ_TIMEOUT_S):
            return await self._read(tenant, lambda index: index.corpus_version(), "")

    async def health(self) -> Health:
        if self._client is None:
            return Health(ok=False, detail="Weaviate is not connected.")
        try:
            ready = await self._client.is_ready()
        except WeaviateBaseError as error:
            return Health(ok=False, detail=f"Weaviate does not answer ({type(error).__name__}).")
        return Health(ok=ready, detail="" if ready else "Weaviate is not ready.")

    async def close(self) -> None:
        connection, self._client = self._client, None
        if connection:
            await connection.close()

    def _tenant(self, tenant: str) -> TenantCollections:
        if self._client is None:
            raise DependencyUnavailable("vector_store", "Weaviate is not connected; the store was not opened.")
        return TenantCollections(self._client, self._connection.collection_prefix, tenant)

    async def _read(self, tenant: str, read: Callable[[TenantCollections], Awaitable[T]], nothing: T) -> T:
        """Read of a tenant, or return `nothing` where it does not exist.

        That is asked last: only the leader knows it for sure, and while one is elected the replicas go on reading.
        """
        index = self._tenant(tenant)
        try:
            return await read(index)
        except WeaviateQueryError:
            if await self._exists(tenant, index):
                raise
            return nothing

    async def _exists(self, tenant: str, index: TenantCollections) -> bool:
        if tenant not in self._known_tenants and await index.exists():
            self._known_tenants.add(tenant)
        return tenant in self._known_tenants

    @asynccontextmanager
    async def _changing(self, tenant: str, doc_id: str, what: str) -> AsyncGenerator[TenantCollections]:
        """The tenant's collections, created if need be, while no other change of this document runs here."""
        lock = self._document_locks.setdefault((tenant, doc_id), asyncio.Lock())
        async with lock, _reported(what, CHANGE_TIMEOUT_S):
            index = self._tenant(tenant)
            if not await self._exists(tenant, index):
                await index.create()
            yield index


def client(connection: WeaviateConnection) -> WeaviateAsyncClient:
    """A client that is not connected yet."""
    http = urlsplit(connection.http_url)
    secure = http.scheme == "https"
    return weaviate.use_async_with_custom(
        http_host=http.hostname or "",
        http_port=http.port or (443 if secure else 80),
        http_secure=secure,
        grpc_host=connection.grpc_host,
        grpc_port=connection.grpc_port,
        grpc_secure=connection.grpc_secure,
        auth_credentials=Auth.api_key(connection.api_key) if connection.api_key else None,
        additional_config=AdditionalConfig(timeout=Timeout(init=5, query=30, insert=INSERT_TIMEOUT_S)),
        skip_init_checks=True,  # they ask the package index for a newer client
    )


async def _check_version(client: WeaviateAsyncClient) -> None:
    meta = cast("dict[str, object]", await client.get_meta())  # pyright: ignore[reportUnknownMemberType]
    version = str(meta["version"])
    if tuple(int(part) for part in version.split(".")[:2]) < OLDEST_VERSION:
        oldest = ".".join(map(str, OLDEST_VERSION))
        raise DependencyUnavailable("vector_store", f"Weaviate is {version}; ragspan needs {oldest} or newer.")


async def _is_published(index: TenantCollections, document: DocumentVersion) -> bool:
    """Whether this very version is the document now. Raises StaleVersion if a newer one or a tombstone is."""
    state = (await index.states([document.doc_id])).get(document.doc_id)
    if state is None:
        return False
    refuse_stale(document, state.record.revision, deleted=state.deleted)
    return not state.deleted and state.record.version == document.version


@asynccontextmanager
async def _reported(what: str, timeout_s: float) -> AsyncGenerator[None]:
    """Turn Weaviate's errors into the ports', without its words: they may quote documents."""
    try:
        async with asyncio.timeout(timeout_s):
            yield
    except (TimeoutError, WeaviateTimeoutError) as error:
        raise DependencyTimeout("vector_store", f"Weaviate did not {what} in time.") from error
    except (WeaviateBaseError, httpx.TransportError) as error:
        raise DependencyUnavailable("vector_store", f"Weaviate did not {what} ({type(error).__name__}).") from error
