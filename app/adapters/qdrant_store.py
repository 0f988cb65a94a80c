"""The vector store on Qdrant 1.16 or newer, by gRPC: tenants by payload, sparse word vectors, majority reads."""

import logging
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from urllib.parse import urlsplit

import grpc
from qdrant_client import AsyncQdrantClient
from qdrant_client.http.exceptions import ApiException

from app.adapters.qdrant_store_schema import create_collections
from app.adapters.qdrant_store_tenant import TenantPoints
from app.adapters.recorded_store import CHANGE_TIMEOUT_S, OPEN_TIMEOUT_S, RecordedStore
from app.ports import DependencyUnavailable, IndexIdentity
from app.rag.index_rules import require_identity

logging.getLogger("qdrant_client").setLevel(logging.CRITICAL)

OLDEST_VERSION = (1, 16)
GRPC_PORT = 6334


@dataclass(frozen=True, slots=True, kw_only=True)
class QdrantConnection:
    """Where Qdrant's gRPC port is, e.g. `http://host:6334`. The collections are `<prefix>-chunks` and `-records`."""

    url: str
    api_key: str | None = field(default=None, repr=False)
    collection_prefix: str
    replication_factor: int


def client(there: QdrantConnection) -> AsyncQdrantClient:
    """Return a client, which connects on its first call."""
    parts = urlsplit(there.url)
    return AsyncQdrantClient(
        host=parts.hostname,
        grpc_port=parts.port or GRPC_PORT,
        https=parts.scheme == "https",
        api_key=there.api_key,
        prefer_grpc=True,
        timeout=int(CHANGE_TIMEOUT_S),
        check_compatibility=False,  # it would contact another port and wait for it
    )


class QdrantStore(RecordedStore):
    """Implements `ports.VectorStore`. May be opened again after `open` failed."""

    _system = "Qdrant"
    _failures = (grpc.aio.AioRpcError, ApiException)

    def __init__(
        self, connection: QdrantConnection, connect: Callable[[QdrantConnection], AsyncQdrantClient] = client
    ) -> None:
        super().__init__()
        self._connection = connection
        self._connect = connect
        self._client: AsyncQdrantClient | None = None

    async def open(self, identity: IndexIdentity) -> None:
        await self.close()
        there = self._connection
        async with self._reported(f"open the index at {there.url}", OPEN_TIMEOUT_S):
            self._client = self._connect(there)
            await _check_version(self._client)
            found = await create_collections(
                self._client, there.collection_prefix, identity.dimensions, asdict(identity), there.replication_factor
            )
        require_identity(found, identity, f"The index {there.collection_prefix} in Qdrant")
        self._dimensions = identity.dimensions

    async def _ping(self) -> None:
        await self._connected().info()

    async def close(self) -> None:
        connection, self._client = self._client, None
        if connection:
            await connection.close()

    def _index(self, tenant: str) -> TenantPoints:
        return TenantPoints(self._connected(), self._connection.collection_prefix, tenant)

    def _connected(self) -> AsyncQdrantClient:
        if self._client is None:
            raise DependencyUnavailable("vector_store", "Qdrant is not connected; the store was not opened.")
        return self._client

    def _reason(self, error: Exception) -> str:
        return error.code().name if isinstance(error, grpc.aio.AioRpcError) else super()._reason(error)


async def _check_version(client: AsyncQdrantClient) -> None:
    version = (await client.info()).version
    numbers = tuple(int(part) for part in re.findall(r"\d+", version)[:2])
    if numbers < OLDEST_VERSION:
        oldest = ".".join(map(str, OLDEST_VERSION))
        raise DependencyUnavailable("vector_store", f"Qdrant is {version}; ragspan needs {oldest} or newer.")
