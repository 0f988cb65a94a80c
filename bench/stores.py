"""Each vector store on a server that this starts and ends, for the benches that compare them.

Qdrant is its client's local mode, in this process: its quality is Qdrant's, its speed is not.
"""

import tempfile
import warnings
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias

from app.adapters.embedded_store import EmbeddedStore
from app.adapters.pgvector_store import PgvectorStore
from app.adapters.weaviate_store import WeaviateConnection, WeaviateStore
from app.ports import VectorStore
from tests.support.postgres import postgres_server
from tests.support.qdrant import SharedClient, qdrant_store
from tests.support.weaviate import weaviate_server

Serve: TypeAlias = Callable[[Path], Generator[VectorStore]]


@contextmanager
def serve(name: str) -> Generator[VectorStore]:
    """Yield a store of this name, not opened and empty."""
    with tempfile.TemporaryDirectory() as folder:
        yield from STORES[name](Path(folder))


def _embedded(folder: Path) -> Generator[VectorStore]:
    yield EmbeddedStore(folder)


def _weaviate(folder: Path) -> Generator[VectorStore]:
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


def _pgvector(folder: Path) -> Generator[VectorStore]:
    with postgres_server(folder) as server:
        yield PgvectorStore(server.connection("bench"))


def _qdrant(folder: Path) -> Generator[VectorStore]:  # noqa: ARG001 - it keeps all in memory
    warnings.filterwarnings("ignore", "Payload indexes have no effect in the local Qdrant")
    yield qdrant_store(SharedClient())


STORES: dict[str, Serve] = {
    "embedded": _embedded,
    "weaviate": _weaviate,
    "pgvector": _pgvector,
    "qdrant": _qdrant,
}
