"""Opens each vector store on a server that is started and ended here, for the benches that compare stores.

Qdrant is its client's local mode, Milvus is Milvus Lite and Pinecone a stand-in, all in this process: they show
quality, not speed.
"""

import tempfile
import warnings
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeAlias

from app.adapters.embedded_store import EmbeddedStore
from app.adapters.http_client import HttpClient
from app.adapters.milvus_store import MilvusConnection, MilvusStore
from app.adapters.pgvector_store import PgvectorStore
from app.adapters.weaviate_store import WeaviateConnection, WeaviateStore
from app.ports import VectorStore
from tests.support.milvus import milvus_server
from tests.support.pinecone_server import PineconeServer, pinecone_store
from tests.support.postgres import postgres_server
from tests.support.qdrant import SharedClient, qdrant_store
from tests.support.weaviate import weaviate_server

DIMENSIONS = 256
"""Dimensions of the built-in embedding model, which the benches use."""
Serve: TypeAlias = Callable[[Path], AsyncGenerator[VectorStore]]


@asynccontextmanager
async def serve(name: str) -> AsyncGenerator[VectorStore]:
    """Yield a store of this name, not opened and empty; close it afterwards."""
    with tempfile.TemporaryDirectory() as folder:
        async with asynccontextmanager(STORES[name])(Path(folder)) as store:
            try:
                yield store
            finally:
                await store.close()


async def _embedded(folder: Path) -> AsyncGenerator[VectorStore]:
    yield EmbeddedStore(folder)


async def _weaviate(folder: Path) -> AsyncGenerator[VectorStore]:
    with weaviate_server(folder) as server:
        yield WeaviateStore(
            WeaviateConnection(
                http_url=server.http_url,
                grpc_host="127.0.0.1",
                grpc_port=server.grpc_port,
                grpc_secure=False,
                api_key=server.api_key,
                collection_prefix="Bench",
                replication_factor=1,
            )
        )


async def _pgvector(folder: Path) -> AsyncGenerator[VectorStore]:
    with postgres_server(folder) as server:
        yield PgvectorStore(server.connection("bench"))


async def _qdrant(folder: Path) -> AsyncGenerator[VectorStore]:  # noqa: ARG001 - it keeps all in memory
    warnings.filterwarnings("ignore", "Payload indexes have no effect in the local Qdrant")
    yield qdrant_store(SharedClient())


async def _milvus(folder: Path) -> AsyncGenerator[VectorStore]:
    with milvus_server(folder) as url:
        yield MilvusStore(MilvusConnection(url=url, collection_prefix="bench"))


async def _pinecone(folder: Path) -> AsyncGenerator[VectorStore]:  # noqa: ARG001 - it keeps all in memory
    async with PineconeServer(DIMENSIONS, "key") as server, HttpClient(60) as client:
        yield pinecone_store(server, client)


STORES: dict[str, Serve] = {
    "embedded": _embedded,
    "weaviate": _weaviate,
    "pgvector": _pgvector,
    "qdrant": _qdrant,
    "milvus": _milvus,
    "pinecone": _pinecone,
}
