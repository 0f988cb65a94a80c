"""Reading a store's documents page by page, also while documents come and go."""

from collections import Counter

from app.ingest.identity import chunk_id
from app.ports import Chunk, DocumentRecord, DocumentVersion, VectorStore
from tests.contract.isolation import VECTOR

LIMIT = 2
STAYING = tuple(f"stays-{n}" for n in range(6))
LEAVING = tuple(f"leaves-{n}" for n in range(6))


async def every_document(store: VectorStore, tenant: str, groups: frozenset[str] | None = None) -> list[DocumentRecord]:
    """Return the documents of all pages, by source."""
    page = await store.list_documents(tenant, LIMIT, groups=groups)
    found = [*page.documents]
    while page.next is not None:
        page = await store.list_documents(tenant, LIMIT, page.next, groups)
        assert len(page.documents) <= LIMIT
        found += page.documents
    return sorted(found, key=lambda record: (record.source_uri, record.doc_id))


async def check_pages(store: VectorStore, tenant: str) -> None:
    """Read page by page, and after each page add, change and remove documents.

    Raise AssertionError if one that stayed was missed, if any came twice, or if one came that was not there.
    """
    for name in (*STAYING, *LEAVING):
        await _publish(store, tenant, name, 1)
    there, seen = {*STAYING, *LEAVING}, Counter[str]()
    page, number = await store.list_documents(tenant, LIMIT), 0
    while True:
        names = {record.doc_id for record in page.documents}
        assert names <= there, names - there
        assert len(page.documents) <= LIMIT
        seen.update(names)
        if page.next is None:
            break
        if number < len(LEAVING):
            await store.delete(tenant, LEAVING[number], 9)
            await _publish(store, tenant, f"comes-{number}", 1)
            await _publish(store, tenant, STAYING[number], 2)
            there = there - {LEAVING[number]} | {f"comes-{number}"}
        page, number = await store.list_documents(tenant, LIMIT, page.next), number + 1
        assert number < 100, "the pages never end"
    assert set(STAYING) <= seen.keys()
    assert set(seen.values()) == {1}, seen


async def _publish(store: VectorStore, tenant: str, name: str, revision: int) -> None:
    version, uri = f"v{revision}", f"test:{name}"
    document = DocumentVersion(doc_id=name, version=version, revision=revision, source_uri=uri, title=name)
    chunk = Chunk(
        chunk_id=chunk_id(tenant, name, version, 0), doc_id=name, version=version, ordinal=0, title=name, text=name,
        source_uri=uri, location="",
    )  # fmt: skip
    await store.stage(tenant, document, [chunk], VECTOR[None])
    await store.publish(tenant, document, 1)
