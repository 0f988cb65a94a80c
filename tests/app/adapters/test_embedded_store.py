"""What the embedded store does beyond the contract of every vector store."""

import asyncio
import json
import sqlite3
import threading
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from app.adapters import embedded_store, embedded_store_tenant
from app.adapters.embedded_store import EmbeddedStore
from app.adapters.wordllama import WordLlamaEmbedder
from app.ingest.document import SourceFile
from app.ingest.identity import index_identity, upload_uri
from app.ingest.pipeline import Ingestor
from app.ports import DocumentRecord, IndexMismatch

pytestmark = pytest.mark.anyio
EMBEDDER = WordLlamaEmbedder()
IDENTITY = index_identity(EMBEDDER)


async def test_a_question_in_the_words_of_a_title_finds_that_document_first(tmp_path: Path) -> None:
    store = EmbeddedStore(tmp_path)
    await store.open(IDENTITY)
    for name, text in (
        ("How to add a stack.txt", "Copy the file of a neighbour, change its region, and read the plan."),
        ("Overview.txt", "Here you learn how to add documents, how to add a policy and how to do all the rest."),
    ):
        file = SourceFile(name=name, content=text.encode(), source_uri=upload_uri(name), revision=1)
        await Ingestor(store, EMBEDDER).ingest("default", file)
    question = "How do I add a stack?"
    hits = await store.search("default", question, await EMBEDDER.embed_query(question), 2)
    await store.close()
    assert [hit.chunk.title for hit in hits] == ["How to add a stack", "Overview"]


async def test_an_index_of_another_layout_is_refused_with_what_to_do(tmp_path: Path) -> None:
    store = EmbeddedStore(tmp_path)
    await store.open(IDENTITY)
    path = tmp_path / "index.json"
    first = {key: value for key, value in json.loads(path.read_text()).items() if key != "format"}
    path.write_text(json.dumps(first))
    with pytest.raises(IndexMismatch, match="delete this one and ingest again"):
        await store.open(IDENTITY)
    await store.close()


async def filled(folder: Path, *tenants: str) -> EmbeddedStore:
    """Return an open store in which each of these tenants has one document."""
    store = EmbeddedStore(folder)
    await store.open(IDENTITY)
    for tenant in tenants:
        file = SourceFile(name="a.txt", content=tenant.encode(), source_uri="test:a", revision=1)
        await Ingestor(store, EMBEDDER).ingest(tenant, file)
    return store


def descriptors(folder: Path) -> int:
    """Return how many descriptors of files in the folder this process has."""
    links = list(Path("/proc/self/fd").iterdir())
    return sum(link.is_symlink() and link.readlink().is_relative_to(folder) for link in links)


def met(monkeypatch: pytest.MonkeyPatch, parties: int) -> threading.Barrier:
    """Let each read of a record wait, connection in hand, until so many have come."""
    barrier = threading.Barrier(parties, timeout=20)

    def record(**values: Any) -> DocumentRecord:
        barrier.wait()
        return DocumentRecord(**values)

    monkeypatch.setattr(embedded_store_tenant, "DocumentRecord", record)
    return barrier


async def test_tenants_that_nobody_asks_hold_no_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded_store, "MAX_OPEN_TENANTS", 2)
    tenants = [f"t{number}" for number in range(6)]
    store = await filled(tmp_path, *tenants[:2])
    two = descriptors(tmp_path)
    await store.close()
    store = await filled(tmp_path, *tenants[2:], *tenants[:2])
    assert 0 < descriptors(tmp_path) <= two
    assert [await store.count_documents(tenant) for tenant in tenants] == [1] * 6
    await store.close()
    assert descriptors(tmp_path) == 0


async def test_a_tenant_is_opened_again_while_somebody_writes_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded_store, "MAX_OPEN_TENANTS", 1)
    monkeypatch.setattr(embedded_store_tenant, "BUSY_TIMEOUT_S", 0)
    store = await filled(tmp_path, "t")
    (path,) = (tmp_path / "tenants").glob("*.sqlite3")
    await (await filled(tmp_path, "u")).close()
    with closing(sqlite3.connect(path, isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        assert [await store.count_documents(tenant) for tenant in "utu"] == [1, 1, 1]
    await store.close()


async def test_what_many_readers_opened_at_once_is_given_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = await filled(tmp_path, "t")
    doc_id = (await store.list_documents("t", 1)).documents[0].doc_id
    one = descriptors(tmp_path)
    met(monkeypatch, embedded_store.READER_THREADS)
    await asyncio.gather(*(store.get("t", doc_id) for _ in range(embedded_store.READER_THREADS)))
    each = 2  # SQLite itself keeps one of the two for the next connection
    assert descriptors(tmp_path) < one + each * (embedded_store.READER_THREADS - 1)
    await store.close()


async def test_a_tenant_in_use_gives_its_files_back_when_it_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded_store, "MAX_OPEN_TENANTS", 1)
    store = await filled(tmp_path, "t", "u")
    doc_id = (await store.list_documents("t", 1)).documents[0].doc_id
    one = descriptors(tmp_path)
    barrier = met(monkeypatch, 2)
    reading = asyncio.create_task(store.get("t", doc_id))
    async with asyncio.timeout(20):
        while not barrier.n_waiting:  # noqa: ASYNC110 - a thread tells nobody
            await asyncio.sleep(0.01)
    assert await store.count_documents("u") == 1
    assert descriptors(tmp_path) > one
    await asyncio.to_thread(barrier.wait)
    assert await reading
    assert descriptors(tmp_path) <= one
    await store.close()
