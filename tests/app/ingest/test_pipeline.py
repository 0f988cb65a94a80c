"""From a file to a published document, on the real embedded store and embedder."""

import asyncio
import time
from pathlib import Path

import pytest

from app.adapters.embedded_store import EmbeddedStore
from app.ingest.document import SourceFile, UnreadableDocument
from app.ingest.identity import chunk_id, document_id, upload_uri
from app.ingest.pipeline import Ingestor
from app.ports import StaleVersion
from app.rag.chunking import MAX_TOKENS
from tests.app.ingest.conftest import EMBEDDER

pytestmark = pytest.mark.anyio
YEAR_NS = 365 * 24 * 3600 * 10**9


def file(content: str, revision: int = 1, name: str = "guide.md") -> SourceFile:
    return SourceFile(name=name, content=content.encode(), source_uri=upload_uri(name), revision=revision)


def file_sizes(folder: Path) -> dict[Path, int]:
    """The write-ahead log is among them, so that any write shows."""
    return {path: path.stat().st_size for path in folder.rglob("*.sqlite3*")}


async def found(store: EmbeddedStore, question: str) -> list[str]:
    return [hit.chunk.text for hit in await store.search("acme", question, await EMBEDDER.embed_query(question), 5)]


async def test_a_file_can_be_asked_about_once_it_is_ingested(store: EmbeddedStore) -> None:
    outcome = await Ingestor(store, EMBEDDER).ingest(
        "acme", file("# Pets\n\nThe cat is called Tom.\n\n# Cars\n\nNone.")
    )
    assert (outcome.status, outcome.chunks) == ("created", 2)
    (best, *_) = await store.search("acme", "name of the cat", await EMBEDDER.embed_query("name of the cat"), 5)
    assert (best.chunk.title, best.chunk.location, best.chunk.ordinal) == ("Pets", "Pets", 0)
    assert best.chunk.chunk_id == chunk_id("acme", outcome.doc_id, outcome.version, 0)


async def test_equal_content_is_unchanged_and_writes_nothing(store: EmbeddedStore, tmp_path: Path) -> None:
    ingestor = Ingestor(store, EMBEDDER)
    first = await ingestor.ingest("acme", file("The cat."))
    before = file_sizes(tmp_path)
    again = await ingestor.ingest("acme", file("The cat."))
    assert (again.status, again.version, again.chunks) == ("unchanged", first.version, 1)
    assert file_sizes(tmp_path) == before


async def test_new_content_of_the_same_name_replaces_the_old(store: EmbeddedStore) -> None:
    ingestor = Ingestor(store, EMBEDDER)
    await ingestor.ingest("acme", file("The cat is old."))
    assert (await ingestor.ingest("acme", file("The cat is new.", revision=2))).status == "updated"
    assert await found(store, "cat") == ["The cat is new."]


async def test_an_older_revision_never_wins_not_even_after_equal_content(store: EmbeddedStore) -> None:
    ingestor = Ingestor(store, EMBEDDER)
    await ingestor.ingest("acme", file("The cat.", revision=1))
    assert (await ingestor.ingest("acme", file("The cat.", revision=9))).status == "unchanged"
    with pytest.raises(StaleVersion):
        await ingestor.ingest("acme", file("The dog.", revision=5))
    assert await found(store, "animal") == ["The cat."]


async def test_equal_content_sent_many_times_at_once_is_never_refused(store: EmbeddedStore) -> None:
    ingestor = Ingestor(store, EMBEDDER)
    sent = [ingestor.ingest("acme", file("The cat.", revision=revision)) for revision in range(20, 0, -1)]
    outcomes = await asyncio.gather(*sent)
    assert len({outcome.version for outcome in outcomes}) == 1
    assert await found(store, "cat") == ["The cat."]


async def test_a_revision_of_the_future_counts_as_now(store: EmbeddedStore) -> None:
    await Ingestor(store, EMBEDDER).ingest("acme", file("The cat.", revision=time.time_ns() + YEAR_NS))
    (record,) = (await store.list_documents("acme", 5)).documents
    assert record.revision <= time.time_ns()


async def test_an_unreadable_version_leaves_the_readable_one(store: EmbeddedStore) -> None:
    ingestor = Ingestor(store, EMBEDDER)
    await ingestor.ingest("acme", file("The cat."))
    with pytest.raises(UnreadableDocument):
        await ingestor.ingest("acme", file("\x00", revision=2))
    assert await found(store, "cat") == ["The cat."]


async def test_a_long_document_is_cut_into_passages_that_the_model_holds(store: EmbeddedStore) -> None:
    text = "\n\n".join(f"Paragraph {n} is about subject number {n} of the long book." for n in range(800))
    outcome = await Ingestor(store, EMBEDDER).ingest("acme", file(text, name="book.txt"))
    assert outcome.chunks > 20
    hits = await store.search("acme", "subject number 777", await EMBEDDER.embed_query("subject number 777"), 50)
    assert all(len(EMBEDDER.token_spans(hit.chunk.text)) <= MAX_TOKENS for hit in hits)
    assert "Paragraph 777 " in hits[0].chunk.text
    assert {hit.chunk.title for hit in hits} == {"book"}


def test_names_in_the_index_are_stable_and_safe_in_urls() -> None:
    assert upload_uri("Ä b/c?.md") == "upload:///%C3%84%20b/c%3F.md"
    assert document_id("upload:///a.md") == "fc35f9babb14dfc9d9f128e7fa150152"
    assert chunk_id("t", "d", "v", 0) == chunk_id("t", "d", "v", 0) != chunk_id("t", "d", "v", 1)
