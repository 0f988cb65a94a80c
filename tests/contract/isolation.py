"""Random operations of many readers and writers on one store, each answer held against a model of who may see what.

The texts name their tenant, document and version, and all match every question: what a search leaves out or lets
through shows at once.
"""

import random
from collections import defaultdict

import numpy as np

from app.ingest.identity import chunk_id
from app.ports import Chunk, DocumentVersion, Scope, VectorStore

TENANTS = ("acme", "acme-2", "Acme", "a/../acme")
DOCUMENTS = ("plan", "report", "letter")
GROUPS = ("hr", "it", "board", "h")
VECTOR = np.array([1, 0, 0, 0], np.float32)
ALL = 100


class Model:
    """What each tenant has published: the text and the groups of each document."""

    def __init__(self) -> None:
        self.documents: defaultdict[str, dict[str, tuple[str, frozenset[str]]]] = defaultdict(dict)

    def visible(self, tenant: str, groups: frozenset[str] | None) -> set[str]:
        """Return the texts that a reader of these groups should find."""
        return {
            text
            for text, of_document in self.documents[tenant].values()
            if groups is None or not of_document or of_document & groups
        }


async def check_isolation(store: VectorStore, chance: random.Random, operations: int) -> None:
    """Raise AssertionError at the first reader who sees too much or too little."""
    model = Model()
    for number in range(1, operations + 1):
        tenant, doc_id = chance.choice(TENANTS), chance.choice(DOCUMENTS)
        match chance.choices(("search", "list", "put", "delete"), (6, 1, 2, 1))[0]:
            case "put":
                groups = frozenset(chance.sample(GROUPS, chance.randint(0, 2)))
                text = await _put(store, tenant, doc_id, number, groups)
                model.documents[tenant][doc_id] = (text, groups)
            case "delete":
                await store.delete(tenant, doc_id, number)
                model.documents[tenant].pop(doc_id, None)
            case "list":
                listed = {
                    record.doc_id: frozenset(record.groups)
                    for record in (await store.list_documents(tenant, ALL)).documents
                }
                assert listed == {name: groups for name, (_, groups) in model.documents[tenant].items()}, number
            case _:
                reader = None if chance.random() < 0.2 else frozenset(chance.sample(GROUPS, chance.randint(0, 2)))
                hits = await store.search(tenant, "secret", VECTOR, ALL, Scope(groups=reader))
                assert {hit.chunk.text for hit in hits} == model.visible(tenant, reader), (number, tenant, reader)


async def _put(store: VectorStore, tenant: str, doc_id: str, number: int, groups: frozenset[str]) -> str:
    name, text = f"v{number}", f"secret of {tenant} {doc_id} {number}"
    document = DocumentVersion(
        doc_id=doc_id, version=name, revision=number, source_uri=f"test:{doc_id}", title=doc_id, groups=tuple(groups)
    )
    chunk = Chunk(
        chunk_id=chunk_id(tenant, doc_id, name, 0), doc_id=doc_id, version=name, ordinal=0, title=doc_id, text=text,
        source_uri=document.source_uri, location="",
    )  # fmt: skip
    await store.stage(tenant, document, [chunk], VECTOR[np.newaxis])
    await store.publish(tenant, document, 1)
    return text
