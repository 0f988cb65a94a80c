"""The vector store on a Pinecone serverless index, by its REST API: two namespaces per tenant, sparse word vectors.

Pinecone is eventually consistent, so every write waits until the index reports that it has been applied.
"""

import json
from dataclasses import asdict

from app.adapters.http import ModelServer
from app.adapters.pinecone_store_requests import Namespace, describe
from app.adapters.pinecone_store_tenant import TenantNamespaces
from app.adapters.recorded_index import parsed_identity
from app.adapters.recorded_store import OPEN_TIMEOUT_S, RecordedStore
from app.ports import DependencyUnavailable, IndexIdentity, IndexMismatch
from app.rag.index_rules import require_identity

IDENTITY = "identity"


class PineconeStore(RecordedStore):
    """Implements `ports.VectorStore`. The index must exist, have the metric dotproduct, and be used by nobody else."""

    _system = "Pinecone"  # ModelServer raises the ports' errors already

    def __init__(self, server: ModelServer) -> None:
        super().__init__()
        self._server = server

    async def open(self, identity: IndexIdentity) -> None:
        self._dimensions = 0
        async with self._reported("open the index", OPEN_TIMEOUT_S):
            index = await describe(self._server)
            if index.dimension != identity.dimensions:
                raise IndexMismatch(
                    f"The index in Pinecone has {index.dimension} dimensions, this program's embedder "
                    f"{identity.dimensions}; create another index, or go back to the embedder that it was made for."
                )
            if index.metric not in {None, "dotproduct"}:
                raise DependencyUnavailable(
                    "vector_store", f"The index in Pinecone has the metric {index.metric}; create one with dotproduct."
                )
            about = Namespace(self._server, IDENTITY, identity.dimensions)
            if not (found := await about.fetch([IDENTITY])):
                await about.upsert([about.marker(IDENTITY, {IDENTITY: json.dumps(asdict(identity))})])
                found = await about.fetch([IDENTITY])
        require_identity(parsed_identity(found.get(IDENTITY, {}).get(IDENTITY)), identity, "The index in Pinecone")
        self._dimensions = identity.dimensions

    async def _ping(self) -> None:
        await describe(self._server)
        self._require_open()

    async def close(self) -> None:
        """Nothing to close: the HTTP client belongs to whoever opened it."""

    def _index(self, tenant: str) -> TenantNamespaces:
        self._require_open()
        return TenantNamespaces(self._server, tenant, self._dimensions)

    def _require_open(self) -> None:
        if not self._dimensions:
            raise DependencyUnavailable("vector_store", "Pinecone's index is not known; the store was not opened.")
