"""Documents that are added at the same time, by one replica and by two, while questions are asked."""

import asyncio
import os
import threading
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from itertools import count

import pytest

from app.adapters.embedded_store import EmbeddedStore
from app.adapters.wordllama import WordLlamaEmbedder
from app.ingest import reader
from app.ingest.document import DocumentOfOthers, ParsedDocument, SourceFile
from app.ingest.identity import document_id, upload_uri
from app.ingest.parsing import parse
from app.ingest.pipeline import Ingestor
from app.ports import DocumentRecord, Matrix, Scope, StaleVersion
from tests.app.ingest.conftest import EMBEDDER

pytestmark = pytest.mark.anyio
GUIDE = document_id(upload_uri("guide.md"))
DEFAULT_THREADS = min(32, (os.cpu_count() or 1) + 4)
"""Of an event loop's own executor."""


class Paused(WordLlamaEmbedder):
    """Holds every document back until `go`; `reached` tells that one has come so far."""

    def __init__(self) -> None:
        super().__init__()
        self.reached, self.go = asyncio.Event(), asyncio.Event()

    async def embed_passages(self, texts: Sequence[str]) -> Matrix:
        self.reached.set()
        await self.go.wait()
        return await super().embed_passages(texts)


def file(content: str, revision: int, groups: tuple[str, ...] | None = None, name: str = "guide.md") -> SourceFile:
    uri = upload_uri(name)
    return SourceFile(name=name, content=content.encode(), source_uri=uri, revision=revision, groups=groups)


async def nothing(_tenant: str, _doc_id: str) -> None:
    """What a store knows that is empty."""


async def groups_and_text(store: EmbeddedStore) -> tuple[tuple[str, ...], list[str]]:
    record = await store.get("acme", GUIDE)
    assert record
    hits = await store.search("acme", "cat", await EMBEDDER.embed_query("cat"), 5)
    return record.groups, [hit.chunk.text for hit in hits]


async def test_an_upload_as_before_keeps_what_one_under_way_restricts(store: EmbeddedStore) -> None:
    await Ingestor(store, EMBEDDER).ingest("acme", file("A cat.", 1))
    embedder = Paused()
    ingestor = Ingestor(store, embedder)
    restricting = asyncio.ensure_future(ingestor.ingest("acme", file("A secret cat.", 2, ("hr",))))
    await embedder.reached.wait()
    as_before = asyncio.ensure_future(ingestor.ingest("acme", file("A new cat.", 3)))
    embedder.go.set()
    await asyncio.gather(restricting, as_before)
    assert await groups_and_text(store) == (("hr",), ["A new cat."])


async def test_an_upload_as_before_keeps_what_another_replica_restricts_meanwhile(store: EmbeddedStore) -> None:
    here, embedder = Ingestor(store, EMBEDDER), Paused()
    await here.ingest("acme", file("A cat.", 1))
    as_before = asyncio.ensure_future(Ingestor(store, embedder).ingest("acme", file("A new cat.", 3)))
    await embedder.reached.wait()
    await here.ingest("acme", file("A secret cat.", 2, ("hr",)))
    embedder.go.set()
    assert (await as_before).status == "updated"
    assert await groups_and_text(store) == (("hr",), ["A new cat."])


@pytest.mark.parametrize("revision", [2, 4], ids=["older", "newer"])
async def test_a_document_that_others_add_meanwhile_is_theirs(store: EmbeddedStore, revision: int) -> None:
    embedder = Paused()
    sales = Ingestor(store, embedder).ingest("acme", file("A cat.", 3), Scope(groups=frozenset({"sales"})))
    adding = asyncio.ensure_future(sales)
    await embedder.reached.wait()
    await Ingestor(store, EMBEDDER).ingest("acme", file("The cat.", revision), Scope(groups=frozenset({"hr"})))
    embedder.go.set()
    with pytest.raises(DocumentOfOthers):
        await adding
    assert await groups_and_text(store) == (("hr",), ["The cat."])


async def test_a_document_that_never_keeps_still_is_given_up(
    store: EmbeddedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    await Ingestor(store, EMBEDDER).ingest("acme", file("A cat.", 1))
    get, numbers = store.get, count()

    async def changing(tenant: str, doc_id: str) -> DocumentRecord | None:
        record = await get(tenant, doc_id)
        return record and replace(record, version=f"v{next(numbers)}")

    monkeypatch.setattr(store, "get", changing)
    with pytest.raises(StaleVersion, match="changed by others 3 times"):
        await Ingestor(store, EMBEDDER).ingest("acme", file("A new cat.", 2))


async def test_a_question_waits_for_no_file_that_is_read(store: EmbeddedStore, monkeypatch: pytest.MonkeyPatch) -> None:
    read_on, ingestor = threading.Event(), Ingestor(store, EMBEDDER)

    def parse_later(name: str, content: bytes) -> ParsedDocument:
        read_on.wait(60)
        return parse(name, content)

    monkeypatch.setattr(reader, "parse", parse_later)
    monkeypatch.setattr(store, "get", nothing)
    names = [f"{number}.txt" for number in range(DEFAULT_THREADS + 2)]
    reading = [asyncio.ensure_future(ingestor.ingest("acme", file("A cat.", 1, name=name))) for name in names]
    try:
        await asyncio.sleep(0)  # then each of them waits to be read
        async with asyncio.timeout(20):
            assert (await EMBEDDER.embed_query("cat")).any()
    finally:
        read_on.set()
    assert {outcome.status for outcome in await asyncio.gather(*reading)} == {"created"}
    ingestor.close()


async def test_text_waits_for_no_file_that_keeps_its_reader(
    store: EmbeddedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on, read = threading.Event(), reader.Reader.read

    def kept(self: reader.Reader, name: str, content: bytes) -> ParsedDocument:
        if name.endswith(".pdf"):
            assert go_on.wait(60)
        return read(self, name.replace(".pdf", ".txt"), content)

    monkeypatch.setattr(reader.Reader, "read", kept)
    with closing(Ingestor(store, EMBEDDER)) as ingestor:
        kept_ones = [
            asyncio.ensure_future(ingestor.ingest("acme", file("A cat.", 1, name=f"{n}.pdf"))) for n in range(5)
        ]
        async with asyncio.timeout(20):
            assert (await ingestor.ingest("acme", file("A dog.", 1, name="dog.txt"))).status == "created"
        assert not any(one.done() for one in kept_ones)
        go_on.set()
        assert {outcome.status for outcome in await asyncio.gather(*kept_ones)} == {"created"}


async def test_a_question_waits_for_no_passages_that_are_embedded() -> None:
    passages = [["The quick brown fox. " * 100] * 64 for _ in range(4 * DEFAULT_THREADS)]
    embedding = [asyncio.ensure_future(EMBEDDER.embed_passages(texts)) for texts in passages]
    await asyncio.sleep(0)
    await EMBEDDER.embed_query("cat")
    assert sum(task.done() for task in embedding) < DEFAULT_THREADS
    await asyncio.gather(*embedding)
