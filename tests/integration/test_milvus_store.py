"""The Milvus adapter where Milvus is gone, stalls or was filled by another."""

import socket
from collections.abc import Generator
from dataclasses import replace
from typing import Any

import pytest
from pymilvus import AsyncMilvusClient

from app.adapters import milvus_store
from app.adapters.milvus_store import MilvusConnection, MilvusStore
from app.adapters.milvus_store_schema import IDENTITY as IDENTITY_ROW
from app.adapters.milvus_store_schema import row_id
from app.ports import DependencyUnavailable, IndexMismatch
from tests.contract.vector_store_contract import IDENTITY, TENANT, put, texts_found, version
from tests.support.milvus import empty, milvus_server

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("one_loop"), pytest.mark.needs("milvus")]
TOKEN = "root:token-of-milvus"


@pytest.fixture(scope="module")
def milvus_url(tmp_path_factory: pytest.TempPathFactory) -> Generator[str]:
    with milvus_server(tmp_path_factory.mktemp("milvus")) as url:
        yield url


def store_at(url: str) -> MilvusStore:
    return MilvusStore(MilvusConnection(url=url, token=TOKEN, collection_prefix="test"))


@pytest.mark.parametrize("answers", [False, True], ids=["gone", "stalled"])
async def test_a_server_that_does_not_answer_is_said_without_the_token(
    monkeypatch: pytest.MonkeyPatch, *, answers: bool
) -> None:
    monkeypatch.setattr(milvus_store, "OPEN_TIMEOUT_S", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as deaf:  # connections are made, and nobody takes them
        store = store_at(f"http://127.0.0.1:{deaf.getsockname()[1] if answers else 9}")
        with pytest.raises(DependencyUnavailable, match="Milvus did not open the index at http"):
            await store.open(IDENTITY)
        assert not (await store.health()).ok
        assert TOKEN not in repr(store) + repr(vars(store)["_connection"])
        await store.close()


async def test_a_store_can_be_opened_after_it_failed_to(milvus_url: str) -> None:
    first, store = store_at(milvus_url), store_at(milvus_url)
    with pytest.raises(DependencyUnavailable, match="not opened"):
        await store.get(TENANT, "report")
    await first.open(IDENTITY)
    with pytest.raises(IndexMismatch):
        await store.open(replace(IDENTITY, model="other"))
    await store.open(IDENTITY)
    await put(store, version(), 'apple "quoted"', "pear")
    assert await texts_found(store) == {'apple "quoted"', "pear"}
    await first.close()
    await store.close()


async def in_place_of_the_identity(url: str, text: str | None) -> None:
    """Leave the index as a writer that died before it wrote its identity did, or with this text in its place."""
    client: Any = AsyncMilvusClient(url)
    where = f'id == "{row_id("", IDENTITY_ROW)}"'
    (row,) = await client.query("test_records", filter=where, output_fields=["*"])
    await client.delete("test_records", filter=where)
    if text is not None:
        await client.upsert("test_records", [{**row, "source_uri": text}])
    await client.close()


async def test_an_index_whose_writer_died_before_it_said_whose_it_is_is_completed(milvus_url: str) -> None:
    store = store_at(milvus_url)
    await store.open(IDENTITY)
    await in_place_of_the_identity(milvus_url, None)
    await store.open(IDENTITY)
    with pytest.raises(IndexMismatch, match="built with model 'test-model'"):
        await store.open(replace(IDENTITY, model="other"))
    await store.close()


async def test_an_identity_that_cannot_be_read_is_another_one(milvus_url: str) -> None:
    store = store_at(milvus_url)
    await store.open(IDENTITY)
    await in_place_of_the_identity(milvus_url, "{")
    with pytest.raises(IndexMismatch, match="built with model None"):
        await store.open(IDENTITY)
    await in_place_of_the_identity(milvus_url, None)
    await store.open(IDENTITY)
    await store.close()


@pytest.mark.parametrize("name", ['a" or tenant != "', "a\\", 'a\\" or true or "', "line\nbreak", "{x}"])
async def test_a_name_is_no_part_of_an_expression(milvus_url: str, name: str) -> None:
    await empty(milvus_url, "test")
    store = store_at(milvus_url)
    await store.open(IDENTITY)
    await put(store, version(), "apple of acme")
    assert await texts_found(store, tenant=name) == set()
    assert (await store.list_documents(name, 5)).documents == ()
    await put(store, version(), "apple of another", tenant=name)
    assert await texts_found(store, tenant=name) == {"apple of another"}
    assert await texts_found(store) == {"apple of acme"}
    await store.close()
