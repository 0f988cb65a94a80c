"""The vector store on Milvus 2.5 or newer: tenants by partition key, Milvus's own BM25, strongly consistent reads."""

from dataclasses import dataclass, field
from typing import Any

import grpc
from pymilvus import AsyncMilvusClient
from pymilvus.exceptions import MilvusException

from app.adapters.milvus_store_schema import create_collections
from app.adapters.milvus_store_tenant import TenantRows
from app.adapters.recorded_store import CHANGE_TIMEOUT_S, OPEN_TIMEOUT_S, RecordedStore
from app.ports import DependencyUnavailable, IndexIdentity
from app.rag.index_rules import require_identity


@dataclass(frozen=True, slots=True, kw_only=True)
class MilvusConnection:
    """Where Milvus is, e.g. `http://host:19530`. `token` is `user:password`, or an API key of Zilliz Cloud."""

    url: str
    token: str | None = field(default=None, repr=False)
    collection_prefix: str


class MilvusStore(RecordedStore):
    """Implements `ports.VectorStore`. May be opened again after `open` failed."""

    _system = "Milvus"
    _failures = (MilvusException, grpc.RpcError)

    def __init__(self, connection: MilvusConnection) -> None:
        super().__init__()
        self._connection = connection
        self._client: Any = None

    async def open(self, identity: IndexIdentity) -> None:
        await self.close()
        there = self._connection
        async with self._reported(f"open the index at {there.url}", OPEN_TIMEOUT_S):
            self._client = AsyncMilvusClient(there.url, token=there.token or "", timeout=CHANGE_TIMEOUT_S)
            found = await create_collections(self._client, there.collection_prefix, identity)
        require_identity(found, identity, f"The index {there.collection_prefix} in Milvus")
        self._dimensions = identity.dimensions

    async def _ping(self) -> None:
        await self._connected().has_collection(f"{self._connection.collection_prefix}_records")

    async def close(self) -> None:
        connection, self._client = self._client, None
        if connection:
            await connection.close()

    def _index(self, tenant: str) -> TenantRows:
        return TenantRows(self._connected(), self._connection.collection_prefix, tenant)

    def _connected(self) -> Any:
        if self._client is None:
            raise DependencyUnavailable("vector_store", "Milvus is not connected; the store was not opened.")
        return self._client
