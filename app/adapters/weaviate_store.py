"""The vector store on Weaviate 1.39 or newer: native tenants, hybrid search, quorum reads and writes.

Weaviate has no transactions; recorded_store.py explains how documents are published without them.
"""

import logging
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TypeVar, cast
from urllib.parse import urlsplit

import httpx
import weaviate
from weaviate import WeaviateAsyncClient
from weaviate.classes.init import AdditionalConfig, Auth, Timeout
from weaviate.exceptions import WeaviateBaseError, WeaviateQueryError, WeaviateTimeoutError

from app.adapters.recorded_index import TenantIndex
from app.adapters.recorded_store import OPEN_TIMEOUT_S, RecordedStore
from app.adapters.weaviate_store_schema import complete_collections, create_collections, stored_identity
from app.adapters.weaviate_store_search import SearchCall
from app.adapters.weaviate_store_tenant import TenantCollections
from app.ports import DependencyFailed, DependencyUnavailable, IndexIdentity
from app.rag.index_rules import require_identity

logging.getLogger("weaviate-client").setLevel(logging.CRITICAL)  # it logs whole objects, including document text

T = TypeVar("T")

OLDEST_VERSION = (1, 39)
INSERT_TIMEOUT_S = 20.0
"""Deadline of one insert, which is then retried; the client by itself would retry for a minute."""
KEPT_TENANTS = 1000
"""Tenants whose collection objects are kept: creating them takes the client a third of a search's CPU time."""


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


class WeaviateStore(RecordedStore):
    """Implements `ports.VectorStore`. May be opened again after `open` failed."""

    _system = "Weaviate"
    _timeouts = (TimeoutError, WeaviateTimeoutError)
    _failures = (WeaviateBaseError, httpx.RequestError)

    def __init__(self, connection: WeaviateConnection) -> None:
        super().__init__()
        self._connection = connection
        self._connections: tuple[WeaviateAsyncClient, SearchCall] | None = None
        self._indexes: dict[str, TenantCollections] = {}
        self._known_tenants: set[str] = set()

    async def open(self, identity: IndexIdentity) -> None:
        await self.close()
        there, prefix = self._connection, self._connection.collection_prefix
        where = f"{there.http_url}, gRPC {there.grpc_host}:{there.grpc_port}"
        async with self._reported(f"open the index at {where}", OPEN_TIMEOUT_S), _understood(where):
            self._connections = connection, _ = client(there), search_call(there)
            await connection.connect()
            await _check_version(connection)
            await create_collections(connection, prefix, identity, there.replication_factor)
            found = await stored_identity(connection, prefix)
            await self._index("").exists()  # otherwise a search would be the first to notice that gRPC is unreachable
        require_identity(found, identity, f"The index {prefix} in Weaviate")
        async with self._reported("complete the index", OPEN_TIMEOUT_S), _understood(where):
            await complete_collections(connection, prefix)
        self._dimensions = identity.dimensions

    async def _ping(self) -> None:
        client, _ = self._connected()
        if not await client.is_ready():
            raise DependencyUnavailable("vector_store", "Weaviate is not ready.")

    async def close(self) -> None:
        connections, self._connections = self._connections, None
        self._indexes.clear()
        for connection in connections or ():
            await connection.close()

    def _index(self, tenant: str) -> TenantCollections:
        client, search = self._connected()
        if tenant not in self._indexes:
            if len(self._indexes) == KEPT_TENANTS:
                self._indexes.clear()
            self._indexes[tenant] = TenantCollections(client, search, self._connection.collection_prefix, tenant)
        return self._indexes[tenant]

    def _connected(self) -> tuple[WeaviateAsyncClient, SearchCall]:
        if self._connections is None:
            raise DependencyUnavailable("vector_store", "Weaviate is not connected; the store was not opened.")
        return self._connections

    async def _read(self, tenant: str, read: Callable[[TenantIndex], Awaitable[T]], nothing: T) -> T:
        """Read from a tenant, or return `nothing` if it does not exist.

        Its existence is checked only after a failure: only the leader knows for sure, and replicas can be read during
        an election.
        """
        index = self._index(tenant)
        try:
            return await read(index)
        except WeaviateQueryError:
            if await self._exists(tenant, index):
                raise
            return nothing

    async def _writable(self, tenant: str) -> TenantIndex:
        index = self._index(tenant)
        if not await self._exists(tenant, index):
            await index.create()
        return index

    async def _exists(self, tenant: str, index: TenantCollections) -> bool:
        if tenant not in self._known_tenants and await index.exists():
            self._known_tenants.add(tenant)
        return tenant in self._known_tenants


@asynccontextmanager
async def _understood(where: str) -> AsyncGenerator[None]:
    """Name the server if the client fails on its answer: it takes the presence of fields for granted."""
    try:
        yield
    except (LookupError, ValueError, TypeError, AttributeError, AssertionError) as error:
        message = f"What answers at {where} is no Weaviate, or a broken one ({type(error).__name__})."
        raise DependencyFailed("vector_store", message) from None


def client(connection: WeaviateConnection) -> WeaviateAsyncClient:
    """Return a client that is not connected yet."""
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
        skip_init_checks=True,  # they ask PyPI for a newer client
    )


def search_call(connection: WeaviateConnection) -> SearchCall:
    """Return the search call; its channel connects on the first search."""
    return SearchCall(
        connection.grpc_host, connection.grpc_port, secure=connection.grpc_secure, api_key=connection.api_key
    )


async def _check_version(client: WeaviateAsyncClient) -> None:
    meta = cast("dict[str, object]", await client.get_meta())  # pyright: ignore[reportUnknownMemberType]
    version = str(meta["version"])
    if tuple(int(part) for part in version.split(".")[:2]) < OLDEST_VERSION:
        oldest = ".".join(map(str, OLDEST_VERSION))
        raise DependencyUnavailable("vector_store", f"Weaviate is {version}; ragspan needs {oldest} or newer.")
