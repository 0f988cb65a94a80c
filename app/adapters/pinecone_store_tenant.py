"""One tenant's part of the index in Pinecone: a namespace of chunks and one of records.

A chunk's id begins with its document's id and version, so that both can be listed without a search.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from typing import Any
from uuid import UUID, uuid5

from app.adapters.batches import batches
from app.adapters.http import ModelServer
from app.adapters.pinecone_store_requests import MAX_IDS, Match, Namespace, without_empty
from app.adapters.recorded_index import (
    FoundChunk,
    RecordState,
    Wanted,
    by_document,
    found_chunk,
    record_state,
    sortable,
)
from app.ports import Matrix, RequestRefused, Scope, UnknownPosition
from app.rag.fusion import LEG_LIMIT, relative_score
from app.rag.sparse import passage_vector, question_vector

COUNT_DELAYS_S = (0.0, 0.1, 0.3, 1.0, 3.0)
"""Delays before each count of staged chunks: listings may lag behind queries."""
NEXT_TO_NOTHING = 1e-9
"""Stands for the vector of a passage without any words: Pinecone does not accept only zeros."""
_DOCUMENTS = UUID("0f6b9b52-0a3e-5b55-8f0f-6f6f3a5f3d11")
_NONE_FOUND = "-"
"""Matches nothing, as no group or tag has this name; Pinecone does not accept an empty list of alternatives."""


class TenantNamespaces:
    """Implements `TenantIndex`. Raises DependencyUnavailable."""

    def __init__(self, server: ModelServer, tenant: str, dimensions: int) -> None:
        name = sha256(tenant.encode()).hexdigest()[:32]
        self._dimensions = dimensions
        self._chunks = Namespace(server, f"chunks-{name}", dimensions)
        self._records = Namespace(server, f"records-{name}", dimensions)

    async def states(self, doc_ids: Iterable[str]) -> dict[str, RecordState]:
        found = await self._records.fetch([_document(doc_id) for doc_id in doc_ids])
        return by_document(map(record_state, found.values()))

    async def page(self, limit: int, after: str) -> tuple[list[RecordState], str | None]:
        """Page through the records; a position is one of Pinecone's tokens."""
        try:
            ids, following = await self._records.some_ids("", limit, after)
        except RequestRefused as error:
            raise UnknownPosition(str(error)) from None
        found = await self._records.fetch(ids)
        return [record_state(found[id_]) for id_ in ids if id_ in found], following

    async def count_documents(self) -> int:
        """Count by listing: Pinecone's own count of a namespace includes tombstones."""
        states, following = await self.page(MAX_IDS, "")
        count = sum(not state.deleted for state in states)
        while following:
            states, following = await self.page(MAX_IDS, following)
            count += sum(not state.deleted for state in states)
        return count

    async def write_records(self, records: Sequence[Mapping[str, Any]]) -> None:
        await self._records.upsert([self._records.marker(_document(record["doc_id"]), record) for record in records])

    async def write_chunks(self, chunks: Sequence[Mapping[str, Any]], vectors: Matrix) -> None:
        written = 0
        async for batch in batches(_vector, chunks, vectors, self._chunks.batch):
            written = await self._chunks.write(batch)
        await self._chunks.settle(written)

    async def count_chunks(self, doc_id: str, version: str, expected: int) -> int:
        count = 0
        for delay_s in COUNT_DELAYS_S:
            await asyncio.sleep(delay_s)
            count = len(await self._chunks.ids(_version(doc_id, version)))
            if count >= expected:
                break
        return count

    async def remove_excess(self, doc_id: str, version: str, chunks: int) -> None:
        ids = await self._chunks.ids(_version(doc_id, version))
        await self._chunks.delete([id_ for id_ in ids if int(id_.rpartition("#")[2]) >= chunks])

    async def remove_versions(self, doc_id: str, revision: int, *, but: str | None) -> None:
        versions: dict[str, list[str]] = {}
        for id_ in await self._chunks.ids(f"{_document(doc_id)}#"):
            versions.setdefault(id_.split("#")[1], []).append(id_)
        first = await self._chunks.fetch([ids[0] for version, ids in versions.items() if version != but])
        for id_, metadata in first.items():
            if metadata["revision"] <= sortable(revision):
                await self._chunks.delete(versions[id_.split("#")[1]])

    async def find(self, wanted: Wanted, limit: int) -> list[FoundChunk]:
        where = {"filter": conditions} if (conditions := _within(wanted.scope)) else {}
        query, candidates, words = self._chunks.query, max(LEG_LIMIT, limit), question_vector(wanted.text)
        keyword, dense = await asyncio.gather(
            query(
                candidates,
                vector=[0.0] * self._dimensions,
                sparseVector={"indices": words.indices, "values": words.values},
                **where,
            )
            if words.indices
            else _nothing(),
            query(candidates, vector=wanted.vector.tolist(), **where) if wanted.vector.any() else _nothing(),
        )
        found = {match.id: match.metadata for match in (*keyword, *dense)}
        ranked = relative_score(
            [(match.id, match.score) for match in keyword if match.score > 0],  # others match no word
            [(match.id, match.score) for match in dense],
        )
        return [found_chunk(found[id_]["chunk_id"], found[id_], score) for id_, score in ranked[:limit]]


async def _nothing() -> list[Match]:
    return []


def _document(doc_id: str) -> str:
    return str(uuid5(_DOCUMENTS, doc_id))


def _version(doc_id: str, version: str) -> str:
    return f"{_document(doc_id)}#{version}#"


def _vector(chunk: Mapping[str, Any], values: list[float]) -> dict[str, Any]:
    words = passage_vector(chunk["title"], chunk["text"])
    return {
        "id": f"{_version(chunk['doc_id'], chunk['version'])}{chunk['ordinal']:06d}",
        "values": values if any(values) else [NEXT_TO_NOTHING, *values[1:]],
        "metadata": without_empty(chunk),
        **({"sparseValues": {"indices": words.indices, "values": words.values}} if words.indices else {}),
    }


def _within(scope: Scope) -> dict[str, Any]:
    conditions: list[dict[str, Any]] = [{"tags": {"$in": sorted(tags)}} for tags in scope.tags]
    if scope.groups is not None:
        readable = [{"restricted": {"$eq": False}}, {"groups": {"$in": sorted(scope.groups) or [_NONE_FOUND]}}]
        conditions.append({"$or": readable})
    return {"$and": conditions} if conditions else {}
