"""What the embedded store does beyond the contract of every vector store."""

import json
from pathlib import Path

import pytest

from app.adapters.embedded_store import EmbeddedStore
from app.adapters.wordllama import WordLlamaEmbedder
from app.ingest.identity import index_identity, upload_uri
from app.ingest.pipeline import Ingestor, SourceFile
from app.ports import IndexMismatch

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
