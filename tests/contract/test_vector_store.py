"""Each vector store against the contract, on the real thing."""

from collections.abc import AsyncGenerator, Generator
from pathlib import Path
from uuid import uuid4

import pytest

from app.adapters import pinecone_store_requests, pinecone_store_tenant
from app.adapters.embedded_store import EmbeddedStore
from app.adapters.http_client import HttpClient
from app.adapters.milvus_store import MilvusConnection, MilvusStore
from app.adapters.pgvector_store import PgvectorStore
from app.adapters.weaviate_store import WeaviateConnection, WeaviateStore
from tests.contract.vector_store_contract import IDENTITY, MakeStore, VectorStoreContract
from tests.support.milvus import empty, milvus_server
from tests.support.pinecone_server import PineconeServer, pinecone_store
from tests.support.postgres import PostgresServer, postgres_server
from tests.support.qdrant import SharedClient, qdrant_store
from tests.support.weaviate import WeaviateServer, weaviate_server
from tests.support.weaviate import empty as empty_weaviate


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Generator[WeaviateServer]:
    with weaviate_server(tmp_path_factory.mktemp("weaviate")) as server:
        yield server


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Generator[PostgresServer]:
    with postgres_server(tmp_path_factory.mktemp("postgres")) as server:
        yield server


@pytest.fixture(scope="module")
def milvus_url(tmp_path_factory: pytest.TempPathFactory) -> Generator[str]:
    with milvus_server(tmp_path_factory.mktemp("milvus")) as url:
        yield url


class TestEmbeddedStore(VectorStoreContract):
    random_operations = 1000

    @pytest.fixture
    def make_store(self, tmp_path: Path) -> MakeStore:
        return lambda: EmbeddedStore(tmp_path / "data")


@pytest.mark.needs("weaviate-server")
class TestWeaviateStore(VectorStoreContract):
    @pytest.fixture
    async def make_store(self, server: WeaviateServer) -> MakeStore:
        await empty_weaviate(server, "Contract")
        connection = WeaviateConnection(
            http_url=server.http_url,
            grpc_host="127.0.0.1",
            grpc_port=server.grpc_port,
            grpc_secure=False,
            api_key=server.api_key,
            collection_prefix="Contract",
            replication_factor=1,
        )
        return lambda: WeaviateStore(connection)


@pytest.mark.needs("postgres")
class TestPgvectorStore(VectorStoreContract):
    @pytest.fixture
    def make_store(self, postgres: PostgresServer) -> MakeStore:
        connection = postgres.connection(f"t{uuid4().hex}")
        return lambda: PgvectorStore(connection)


@pytest.mark.filterwarnings("ignore:Payload indexes have no effect in the local Qdrant")
class TestQdrantStore(VectorStoreContract):
    @pytest.fixture
    def make_store(self) -> MakeStore:
        client = SharedClient()
        return lambda: qdrant_store(client)


class TestPineconeStore(VectorStoreContract):
    random_operations = 100

    @pytest.fixture
    async def make_store(self, monkeypatch: pytest.MonkeyPatch) -> AsyncGenerator[MakeStore]:
        monkeypatch.setattr(pinecone_store_requests, "SETTLE_DELAYS_S", (0.0,) * 30)
        monkeypatch.setattr(pinecone_store_tenant, "COUNT_DELAYS_S", (0.0,) * 2)
        async with PineconeServer(IDENTITY.dimensions, "key-of-pinecone") as server, HttpClient(5) as client:
            yield lambda: pinecone_store(server, client)


@pytest.mark.needs("milvus")
class TestMilvusStore(VectorStoreContract):
    random_operations = 100

    @pytest.fixture
    async def make_store(self, milvus_url: str) -> MakeStore:
        await empty(milvus_url, "contract")
        return lambda: MilvusStore(MilvusConnection(url=milvus_url, collection_prefix="contract"))
