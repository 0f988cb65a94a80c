"""The Pinecone adapter where the index refuses, answers nonsense, lags for too long or is not ours."""

from collections.abc import AsyncGenerator
from dataclasses import replace
from typing import Any

import pytest
from pydantic import SecretStr

from app.adapters import pinecone_store_requests
from app.adapters.http_client import HttpClient
from app.adapters.pinecone_store import PineconeStore
from app.adapters.pinecone_store_requests import Namespace, pinecone_index
from app.ports import DependencyFailed, DependencyTimeout, DependencyUnavailable, IndexMismatch
from tests.contract.vector_store_contract import EAST, IDENTITY, TENANT, put, texts_found, version
from tests.support import pinecone_server
from tests.support.pinecone_server import PineconeServer, pinecone_store

pytestmark = pytest.mark.anyio
KEY = "key-of-pinecone"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def server() -> AsyncGenerator[PineconeServer]:
    async with PineconeServer(IDENTITY.dimensions, KEY) as server:
        yield server


@pytest.fixture
async def client() -> AsyncGenerator[HttpClient]:
    async with HttpClient(5) as client:
        yield client


@pytest.fixture
async def store(server: PineconeServer, client: HttpClient) -> PineconeStore:
    store = pinecone_store(server, client)
    await store.open(IDENTITY)
    return store


async def test_a_key_that_is_refused_is_said_without_it(server: PineconeServer, client: HttpClient) -> None:
    store = PineconeStore(pinecone_index(client, server.url, SecretStr("wrong-key")))
    with pytest.raises(DependencyUnavailable) as refused:
        await store.open(IDENTITY)
    assert str(refused.value) == f"{server.url}/describe_index_stats answered with status 401"
    assert refused.value.dependency == "vector_store"
    assert not (await store.health()).ok
    with pytest.raises(DependencyUnavailable, match="not opened"):
        await store.get(TENANT, "report")


@pytest.mark.parametrize("fault", [{"status": 500}, {"raw": "<html>"}, {"raw": '{"matches": [{"id": 1}]}'}])
async def test_errors_and_nonsense_are_failures_without_its_words(
    server: PineconeServer, store: PineconeStore, fault: dict[str, Any]
) -> None:
    vars(server).update(fault)
    with pytest.raises(DependencyFailed) as failed:
        await store.search(TENANT, "apple", EAST, 5)
    assert "secret" not in str(failed.value)
    assert "html" not in str(failed.value)


async def test_an_index_of_another_metric_is_refused_with_what_to_create(client: HttpClient) -> None:
    async with PineconeServer(IDENTITY.dimensions, KEY, metric="cosine") as server:
        with pytest.raises(DependencyUnavailable, match="the metric cosine; create one with dotproduct"):
            await pinecone_store(server, client).open(IDENTITY)


async def test_an_index_that_says_nothing_of_ours_is_refused(server: PineconeServer, client: HttpClient) -> None:
    foreign = Namespace(pinecone_index(client, server.url, SecretStr(KEY)), "identity", IDENTITY.dimensions)
    await foreign.upsert([foreign.marker("identity", {"owner": "somebody else"})])
    with pytest.raises(IndexMismatch, match="built with model None"):
        await pinecone_store(server, client).open(IDENTITY)


async def test_a_store_can_be_opened_after_it_failed_to(store: PineconeStore) -> None:
    with pytest.raises(IndexMismatch):
        await store.open(replace(IDENTITY, model="other"))
    await store.open(IDENTITY)
    await put(store, version(), "apple")
    assert await texts_found(store) == {"apple"}


async def test_a_write_is_waited_for_until_queries_find_it(store: PineconeStore, server: PineconeServer) -> None:
    await put(store, version(), "apple")
    assert [space.pending for space in server.namespaces.values() if space.pending] == []


async def test_a_write_that_is_not_taken_in_is_a_timeout(store: PineconeStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pinecone_server, "LAG_READS", 100)
    monkeypatch.setattr(pinecone_store_requests, "SETTLE_DELAYS_S", (0.0,) * 5)
    with pytest.raises(DependencyTimeout, match="did not take in a write"):
        await put(store, version(), "apple")


async def test_many_vectors_go_in_batches_below_what_one_request_may_carry(
    store: PineconeStore, server: PineconeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pinecone_store_requests, "BATCH", 2)
    monkeypatch.setattr(pinecone_store_requests, "MAX_DELETED", 2)
    await put(store, version(), *(f"apple {n}" for n in range(5)))
    assert len(await texts_found(store)) == 5
    assert await store.delete(TENANT, "report", 9)
    written = sorted(space.written for name, space in server.namespaces.items() if name.startswith("chunks-"))
    assert written == [3 + 3]
    assert await texts_found(store) == set()


async def test_a_page_is_filled_past_what_was_deleted_and_past_the_documents_of_others(
    store: PineconeStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pinecone_store_requests, "SETTLE_DELAYS_S", (0.0,) * 5)
    for name in "abcdefgh":
        await put(store, version(name, groups=("hr",) if name in "cd" else ()), "apple")
    for name in "ab":
        await store.delete(TENANT, name, 9)
    page = await store.list_documents(TENANT, 4, groups=frozenset({"it"}))
    assert {record.doc_id for record in page.documents} == set("efgh")
