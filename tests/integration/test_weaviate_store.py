"""The Weaviate adapter where Weaviate refuses, stalls or is gone, and what a dead process left in it."""

from collections.abc import AsyncGenerator, Generator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, TypeVar
from uuid import uuid4

import httpx
import pytest
from weaviate.classes.config import Property
from weaviate.collections.data import executor
from weaviate.proto.v1 import search_get_pb2

from app.adapters import recorded_store, weaviate_store, weaviate_store_schema, weaviate_store_search
from app.adapters.recorded_index import FoundChunk, Wanted, chunk_properties, corpus_properties, record_properties
from app.adapters.recorded_search import search_published
from app.adapters.weaviate_store import WeaviateConnection, WeaviateStore, client, search_call
from app.adapters.weaviate_store_schema import tenant_name
from app.adapters.weaviate_store_search import SearchCall
from app.adapters.weaviate_store_tenant import TenantCollections
from app.ports import EVERYTHING, Chunk, DependencyTimeout, DependencyUnavailable, DocumentVersion, IndexMismatch
from tests.contract.vector_store_contract import (
    EAST,
    IDENTITY,
    TENANT,
    chunks_of,
    of_groups,
    put,
    texts_found,
    vectors_of,
    version,
)
from tests.support.weaviate import WeaviateServer, weaviate_server

Index = TypeVar("Index", bound=TenantCollections)

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("one_loop"), pytest.mark.needs("weaviate-server")]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Generator[WeaviateServer]:
    with weaviate_server(tmp_path_factory.mktemp("weaviate")) as server:
        yield server


@pytest.fixture
def connection(server: WeaviateServer) -> WeaviateConnection:
    return WeaviateConnection(
        http_url=server.http_url,
        grpc_host="127.0.0.1",
        grpc_port=server.grpc_port,
        grpc_secure=False,
        api_key=server.api_key,
        collection_prefix=f"T{uuid4().hex}",
        replication_factor=1,
    )


@pytest.fixture
async def store(connection: WeaviateConnection) -> AsyncGenerator[WeaviateStore]:
    store = WeaviateStore(connection)
    await store.open(IDENTITY)
    yield store
    await store.close()


@asynccontextmanager
async def index_of(connection: WeaviateConnection, kind: type[Index] = TenantCollections) -> AsyncGenerator[Index]:
    async with client(connection) as weaviate:
        search = search_call(connection)
        yield kind(weaviate, search, connection.collection_prefix, TENANT)
        await search.close()


@pytest.mark.parametrize(
    "fault",
    [{"api_key": "wrong-key"}, {"api_key": None}, {"http_url": "http://127.0.0.1:9"}],
    ids=["wrong key", "no key", "no http"],
)
async def test_a_server_that_cannot_be_used_is_said_without_its_words_or_the_key(
    connection: WeaviateConnection, fault: dict[str, str]
) -> None:
    store = WeaviateStore(replace(connection, **fault))
    with pytest.raises(DependencyUnavailable) as refused:
        await store.open(IDENTITY)
    url = fault.get("http_url", connection.http_url)
    assert str(refused.value).startswith(f"Weaviate did not open the index at {url}, gRPC 127.0.0.1:")
    assert refused.value.dependency == "vector_store"
    await store.close()


async def test_a_connection_that_broke_off_is_an_unavailable_dependency(
    store: WeaviateStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(_transport: object, request: httpx.Request) -> httpx.Response:
        raise httpx.ReadError("", request=request)

    monkeypatch.setattr(httpx.AsyncHTTPTransport, "handle_async_request", broken)
    with pytest.raises(DependencyUnavailable, match=r"did not stage a document \(ReadError\)"):
        await put(store, version(), "apple")


async def test_reads_do_not_wait_for_the_leader_who_alone_knows_the_tenants(
    store: WeaviateStore, connection: WeaviateConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    await put(store, version(), "apple")
    fresh = WeaviateStore(connection)
    await fresh.open(IDENTITY)
    monkeypatch.delattr(TenantCollections, "exists")
    assert await texts_found(fresh) == {"apple"}
    assert await fresh.get(TENANT, "report") is not None
    assert len((await fresh.list_documents(TENANT, 5)).documents) == 1
    await fresh.close()


async def test_a_server_without_grpc_is_found_out_when_the_store_is_opened(
    connection: WeaviateConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(weaviate_store, "OPEN_TIMEOUT_S", 2)
    store = WeaviateStore(replace(connection, grpc_port=9))
    with pytest.raises(DependencyTimeout, match=r"gRPC 127\.0\.0\.1:9 in time"):
        await store.open(IDENTITY)
    await store.close()


async def test_a_store_can_be_opened_after_it_failed_to(connection: WeaviateConnection, store: WeaviateStore) -> None:
    with pytest.raises(IndexMismatch):
        await store.open(replace(IDENTITY, model="other"))
    await store.open(IDENTITY)
    await put(store, version(), "apple")
    assert await texts_found(store) == {"apple"}


async def test_a_store_that_was_never_opened_says_so(connection: WeaviateConnection) -> None:
    store = WeaviateStore(connection)
    assert not (await store.health()).ok
    with pytest.raises(DependencyUnavailable, match="not opened"):
        await store.get(TENANT, "report")


async def test_the_key_is_in_no_representation(connection: WeaviateConnection, server: WeaviateServer) -> None:
    assert server.api_key not in repr(connection) + repr(WeaviateStore(connection)) + repr(server)


async def test_a_collection_that_is_not_ours_is_refused(connection: WeaviateConnection) -> None:
    async with client(connection) as weaviate:
        await weaviate.collections.create(f"{connection.collection_prefix}Chunk", description="of somebody else")
    store = WeaviateStore(connection)
    with pytest.raises(IndexMismatch, match="built with model None"):
        await store.open(IDENTITY)
    await store.close()


async def test_replaced_chunks_that_a_dead_process_left_stay_hidden_and_go_with_the_next_publish(
    store: WeaviateStore, connection: WeaviateConnection
) -> None:
    await put(store, version(name="v2", revision=2), "apple new")
    left = chunks_of(version(name="v1", revision=1), "apple old 1", "apple old 2")
    async with index_of(connection) as index:
        await index.write_chunks([chunk_properties(chunk, version()) for chunk in left], vectors_of(len(left)))
        assert await texts_found(store) == {"apple new"}
        await store.publish(TENANT, version(name="v2", revision=3), 1)
        assert await index.count_chunks("report", "v1", 0) == 0


class OvertakenIndex(TenantCollections):
    """Replaces the document right after the first search, before the look-up of its record."""

    store: WeaviateStore
    replacements = 0

    async def find(self, wanted: Wanted, limit: int) -> list[FoundChunk]:
        found = await super().find(wanted, limit)
        if self.replacements < 2:
            self.replacements += 1
            await put(self.store, version(name=f"v{self.replacements}", revision=1 + self.replacements), "apple new")
        return found


async def test_a_search_that_publishes_overtake_still_finds_the_document(
    store: WeaviateStore, connection: WeaviateConnection
) -> None:
    await put(store, version(name="v0", revision=1), "apple old")
    async with index_of(connection, OvertakenIndex) as index:
        index.store = store
        (hit,) = await search_published(index, Wanted(text="apple", vector=EAST, scope=EVERYTHING), 5)
    assert (hit.chunk.version, hit.chunk.text) == ("v2", "apple new")


async def test_where_all_is_published_a_search_is_two_requests_for_no_more_than_it_returns(
    store: WeaviateStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    await put(store, version("east"), *(f"apple {n}" for n in range(5)))
    await put(store, version("west"), *(f"apple {n}" for n in range(5)))
    asked = list[tuple[str, int]]()
    unpatched = SearchCall.__call__

    async def counted(call: SearchCall, request: search_get_pb2.SearchRequest) -> Sequence[search_get_pb2.SearchResult]:
        asked.append((request.collection[-5:], request.limit))
        return await unpatched(call, request)

    monkeypatch.setattr(SearchCall, "__call__", counted)
    assert len(await store.search(TENANT, "apple", EAST, 8)) == 8
    assert asked == [("Chunk", 8), ("ument", 2)]


async def test_many_hidden_chunks_do_not_crowd_out_the_published_ones(store: WeaviateStore) -> None:
    await put(store, version(), *(f"apple {n}" for n in range(5)))
    staged = version(name="v2", revision=2)
    texts = [f"apple apple {n}" for n in range(300)]
    await store.stage(TENANT, staged, chunks_of(staged, *texts), vectors_of(len(texts)))
    assert await texts_found(store, limit=5) == {f"apple {n}" for n in range(5)}


async def test_a_write_that_is_not_answered_is_made_again(
    connection: WeaviateConnection, server: WeaviateServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    writes = list[int]()

    def insert_many(collection: Any, objects: Any) -> Any:
        writes.append(len(objects))
        server.stop() if len(writes) == 1 else server.go_on()
        return unpatched(collection, objects)

    data = vars(executor)["_DataCollectionExecutor"]
    unpatched = data.insert_many
    monkeypatch.setattr(data, "insert_many", insert_many)
    monkeypatch.setattr(weaviate_store, "INSERT_TIMEOUT_S", 1)
    store = WeaviateStore(connection)
    await store.open(IDENTITY)
    await put(store, version(), "apple")
    assert writes == [1] * 5  # the chunk, the chunk again, that the corpus changes, the record, that it has changed
    assert await texts_found(store) == {"apple"}
    await store.close()


async def test_tenant_names_are_valid_and_never_meet() -> None:
    names = ["acme", "Acme", "n-acme", "h-acme", "a b", "a/b", "ü", "", "x" * 48, "x" * 49, "x" * 500]
    mapped = [tenant_name(name) for name in names]
    assert len(set(mapped)) == len(names)
    assert all(len(name) <= 64 and name.replace("-", "").isalnum() and name.isascii() for name in mapped)


async def test_a_stalled_server_is_a_timeout(
    store: WeaviateStore, server: WeaviateServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorded_store, "READ_TIMEOUT_S", 1)
    await put(store, version(), "apple")
    server.stop()
    try:
        with pytest.raises(DependencyTimeout):
            await store.search(TENANT, "apple", EAST, 5)
    finally:
        server.go_on()
    assert await texts_found(store) == {"apple"}


def written_before_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the adapter create and write what it did before documents had groups and tags."""
    older = {"groups", "tags", "restricted"}

    def chunk(chunk: Chunk, document: DocumentVersion) -> dict[str, Any]:
        return without(older, chunk_properties(chunk, document))

    def record(document: DocumentVersion, chunks: int, *, deleted: bool) -> dict[str, Any]:
        return without(older, record_properties(document, chunks, deleted=deleted))

    def corpus(*, changing: bool) -> dict[str, Any]:
        return without(older, corpus_properties(changing=changing))

    for name in ("_CHUNK_PROPERTIES", "_RECORD_PROPERTIES"):
        properties: list[Property] = getattr(weaviate_store_schema, name)
        monkeypatch.setattr(weaviate_store_schema, name, [p for p in properties if p.name not in older])
    read = [name for name in weaviate_store_search.RECORD_PROPERTIES if name not in older]
    monkeypatch.setattr(weaviate_store_search, "RECORD_PROPERTIES", read)
    monkeypatch.setattr(recorded_store, "chunk_properties", chunk)
    monkeypatch.setattr(recorded_store, "record_properties", record)
    monkeypatch.setattr(recorded_store, "corpus_properties", corpus)


def without(names: set[str], properties: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in properties.items() if name not in names}


async def test_an_index_of_before_there_were_groups_is_open_to_its_tenant(
    connection: WeaviateConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as before:
        written_before_groups(before)
        old = WeaviateStore(connection)
        await old.open(IDENTITY)
        await put(old, version(), "apple")
        await old.close()
    new = WeaviateStore(connection)
    await new.open(IDENTITY)
    assert await texts_found(new, scope=of_groups("hr")) == {"apple"}
    await put(new, version(name="v2", revision=2, groups=("it",)), "apple")
    assert await texts_found(new, scope=of_groups("hr")) == set()
    assert await texts_found(new, scope=of_groups("it")) == {"apple"}
    await new.close()
