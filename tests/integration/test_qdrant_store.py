"""The Qdrant adapter where Qdrant is gone, stalls or holds what is not ours."""

import socket
from collections.abc import Awaitable, Callable
from dataclasses import replace
from itertools import count
from typing import Any

import pytest
from qdrant_client import models

from app.adapters import qdrant_store
from app.adapters.qdrant_store import QdrantConnection, QdrantStore
from app.ports import DependencyTimeout, DependencyUnavailable, IndexMismatch
from tests.contract.vector_store_contract import EAST, IDENTITY, TENANT, put, texts_found, version
from tests.support.qdrant import SharedClient
from tests.support.qdrant import qdrant_store as store_in

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.filterwarnings("ignore:Payload indexes have no effect in the local Qdrant"),
    pytest.mark.filterwarnings("ignore:Api key is used with an insecure connection"),
]
KEY = "key-of-qdrant"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def connection(port: int) -> QdrantConnection:
    return QdrantConnection(
        url=f"http://127.0.0.1:{port}", api_key=KEY, collection_prefix="ragspan", replication_factor=1
    )


async def test_a_server_that_is_gone_is_said_without_the_key() -> None:
    store = QdrantStore(connection(9))
    with pytest.raises(DependencyUnavailable) as refused:
        await store.open(IDENTITY)
    assert str(refused.value) == "Qdrant did not open the index at http://127.0.0.1:9 (UNAVAILABLE)."
    health = await store.health()
    assert (health.ok, health.detail) == (False, "Qdrant did not answer (UNAVAILABLE).")
    assert KEY not in repr(connection(9)) + repr(store)
    await store.close()


async def test_a_stalled_server_is_a_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(qdrant_store, "OPEN_TIMEOUT_S", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as deaf:  # connections are made, and nobody takes them
        store = QdrantStore(connection(deaf.getsockname()[1]))
        with pytest.raises(DependencyTimeout, match="did not open the index"):
            await store.open(IDENTITY)
        await store.close()


async def test_a_store_can_be_opened_after_it_failed_to() -> None:
    client = SharedClient()
    first, store = store_in(client), store_in(client)
    with pytest.raises(DependencyUnavailable, match="not opened"):
        await store.get(TENANT, "report")
    assert not (await store.health()).ok
    await first.open(IDENTITY)
    with pytest.raises(IndexMismatch):
        await store.open(replace(IDENTITY, model="other"))
    await store.open(IDENTITY)
    await put(store, version(), "apple")
    assert await texts_found(store) == {"apple"}


async def test_a_writer_that_died_before_it_said_what_it_changed_is_made_up_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    client = SharedClient()
    store, upsert, writes = store_in(client), client.upsert, count(1)

    async def dying(*arguments: Any, **options: Any) -> Any:
        if next(writes) == 4:  # after the chunk, that the corpus changes, and the record
            raise ConnectionError
        return await upsert(*arguments, **options)

    monkeypatch.setattr(client, "upsert", dying)
    await store.open(IDENTITY)
    with pytest.raises(ConnectionError):
        await put(store, version(), "apple")
    before = await store.corpus_version(TENANT)
    await store.publish(TENANT, version(revision=2), 1)
    assert await store.corpus_version(TENANT) != before


async def test_a_collection_that_is_not_ours_is_refused() -> None:
    client = SharedClient()
    await client.create_collection(
        "test-chunks", vectors_config=models.VectorParams(size=4, distance=models.Distance.DOT)
    )
    with pytest.raises(IndexMismatch, match="built with model None"):
        await store_in(client).open(IDENTITY)


async def test_reads_ask_a_majority_of_the_copies(monkeypatch: pytest.MonkeyPatch) -> None:
    client, asked = SharedClient(), dict[str, set[object]]()

    def watched(name: str, request: Callable[..., Awaitable[object]]) -> Callable[..., Awaitable[object]]:
        async def call(*arguments: object, **options: object) -> object:
            asked.setdefault(name, set()).add(options.get("consistency"))
            return await request(*arguments, **options)

        return call

    reads = ("retrieve", "scroll", "facet", "query_batch_points")
    for name in reads:
        monkeypatch.setattr(client, name, watched(name, getattr(client, name)))
    store = store_in(client)
    await store.open(IDENTITY)
    await put(store, version(), "apple")
    await store.list_documents(TENANT, 5)
    await texts_found(store)
    assert asked == {name: {models.ReadConsistencyType.MAJORITY} for name in reads}


async def test_a_mistake_of_our_own_is_not_held_against_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    client = SharedClient()
    store = store_in(client)
    await store.open(IDENTITY)

    async def mistaken(*_: object, **__: object) -> None:
        raise ValueError("not a number")

    monkeypatch.setattr(client, "retrieve", mistaken)
    with pytest.raises(ValueError, match="not a number"):
        await store.get(TENANT, "report")


async def test_another_tenants_passages_do_not_change_what_a_word_weighs() -> None:
    store = store_in(SharedClient())
    await store.open(IDENTITY)
    await put(store, version(), "apple pie", "pear pie", "plum pie")
    before = [hit.score for hit in await store.search(TENANT, "pear pie", EAST, 3)]
    await put(store, version("other"), *(f"pear number {n}" for n in range(50)), tenant="other")
    assert [hit.score for hit in await store.search(TENANT, "pear pie", EAST, 3)] == before
