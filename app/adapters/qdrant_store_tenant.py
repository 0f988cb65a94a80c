"""One tenant's part of the index in Qdrant: its records and chunks, read and written by majorities of replicas."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from qdrant_client import AsyncQdrantClient, models

from app.adapters.batches import batches
from app.adapters.qdrant_store_schema import DENSE, WORDS, chunk_point_id, record_id
from app.adapters.recorded_index import (
    FoundChunk,
    RecordState,
    Wanted,
    by_document,
    checked_position,
    found_chunk,
    record_state,
    sortable,
)
from app.ports import Matrix, Scope
from app.rag.fusion import LEG_LIMIT, relative_score
from app.rag.sparse import passage_vector, question_vector

MAX_EDITIONS = 1000
"""Most versions of one document in the index at once: published, staged, or left behind by writers that died."""
MAJORITY = models.ReadConsistencyType.MAJORITY
WRITES: dict[str, Any] = {"wait": True, "ordering": models.WriteOrdering.STRONG}


class TenantPoints:
    """Implements `TenantIndex`. Raises grpc.aio.AioRpcError if Qdrant fails."""

    def __init__(self, client: AsyncQdrantClient, prefix: str, tenant: str) -> None:
        self._client = client
        self._tenant = tenant
        self._chunks, self._records = f"{prefix}-chunks", f"{prefix}-records"

    async def states(self, doc_ids: Iterable[str]) -> dict[str, RecordState]:
        ids = [record_id(self._tenant, doc_id) for doc_id in doc_ids]
        found = await self._client.retrieve(self._records, ids, consistency=MAJORITY) if ids else []
        return by_document(record_state(point.payload or {}) for point in found)

    async def page(self, limit: int, after: str) -> tuple[list[RecordState], str | None]:
        """Page through the records; a position is the id of the next page's first one, whose point is never removed."""
        published, first = self._where(_equals("deleted", False)), checked_position(after) or None
        points, following = await self._client.scroll(
            self._records, published, limit=limit, offset=first, consistency=MAJORITY
        )
        states = [record_state(point.payload or {}) for point in points]
        return states, None if following is None else str(following)

    async def count_documents(self) -> int:
        """Count on a single replica: the client offers no majority read for counts."""
        counted = await self._client.count(self._records, self._where(_equals("deleted", False)), exact=True)
        return counted.count

    async def write_records(self, records: Sequence[Mapping[str, Any]]) -> None:
        points = [
            models.PointStruct(
                id=record_id(self._tenant, record["doc_id"]), vector={}, payload={**record, "tenant": self._tenant}
            )
            for record in records
        ]
        await self._client.upsert(self._records, points, **WRITES)

    async def write_chunks(self, chunks: Sequence[Mapping[str, Any]], vectors: Matrix) -> None:
        async for points in batches(self._point, chunks, vectors):
            await self._client.upsert(self._chunks, points, **WRITES)

    async def count_chunks(self, doc_id: str, version: str, expected: int) -> int:  # noqa: ARG002 - a count sees every write before it
        editions = await self._editions(doc_id)
        return sum(count for (_, found), count in editions.items() if found == version)

    async def remove_excess(self, doc_id: str, version: str, chunks: int) -> None:
        beyond = models.FieldCondition(key="ordinal", range=models.Range(gte=chunks))
        await self._remove(
            doc_id, [edition for edition in await self._editions(doc_id) if edition[1] == version], beyond
        )

    async def remove_versions(self, doc_id: str, revision: int, *, but: str | None) -> None:
        last = sortable(revision)
        await self._remove(doc_id, [(r, v) for r, v in await self._editions(doc_id) if r <= last and v != but])

    async def find(self, wanted: Wanted, limit: int) -> list[FoundChunk]:
        """Run both legs in one request, so that they see nearly the same state of the index."""
        asked = self._questions(wanted, max(LEG_LIMIT, limit))
        if not asked:
            return []
        answers = await self._client.query_batch_points(self._chunks, list(asked.values()), consistency=MAJORITY)
        found: dict[str, dict[str, Any]] = {}
        legs: dict[str, list[tuple[str, float]]] = {WORDS: [], DENSE: []}
        for name, answer in zip(asked, answers, strict=True):
            for point in answer.points:
                payload = point.payload or {}
                found[payload["chunk_id"]] = payload
                legs[name].append((payload["chunk_id"], point.score))
        ranked = relative_score(legs[WORDS], legs[DENSE])
        return [found_chunk(chunk_id, found[chunk_id], score) for chunk_id, score in ranked[:limit]]

    def _questions(self, wanted: Wanted, limit: int) -> dict[str, models.QueryRequest]:
        """Return a query for each leg that has input. A word's rarity is measured within this tenant's passages."""
        words, asked = question_vector(wanted.text), dict[str, models.QueryRequest]()
        where: dict[str, Any] = {"filter": self._where(*_within(wanted.scope)), "limit": limit, "with_payload": True}
        if words.indices:
            asked[WORDS] = models.QueryRequest(
                query=models.SparseVector(indices=words.indices, values=words.values),
                using=WORDS,
                params=models.SearchParams(idf=models.IdfCorpusParams(corpus=self._where())),
                **where,
            )
        if wanted.vector.any():
            asked[DENSE] = models.QueryRequest(query=wanted.vector.tolist(), using=DENSE, **where)
        return asked

    def _point(self, chunk: Mapping[str, Any], vector: list[float]) -> models.PointStruct:
        words = passage_vector(chunk["title"], chunk["text"])
        return models.PointStruct(
            id=chunk_point_id(self._tenant, chunk["chunk_id"]),
            vector={DENSE: vector, WORDS: models.SparseVector(indices=words.indices, values=words.values)},
            payload={**chunk, "tenant": self._tenant, "edition": _edition(chunk["revision"], chunk["version"])},
        )

    async def _editions(self, doc_id: str) -> dict[tuple[str, str], int]:
        """Count a document's chunks by sortable revision and version."""
        where = self._where(_equals("doc_id", doc_id))
        facet = await self._client.facet(
            self._chunks, "edition", where, limit=MAX_EDITIONS, exact=True, consistency=MAJORITY
        )
        return {tuple(str(hit.value).split(" ", 1)): hit.count for hit in facet.hits}  # pyright: ignore[reportReturnType] - two, by `_edition`

    async def _remove(
        self, doc_id: str, editions: Sequence[tuple[str, str]], *conditions: models.FieldCondition
    ) -> None:
        if not editions:
            return
        of = models.FieldCondition(
            key="edition", match=models.MatchAny(any=[_edition(*edition) for edition in editions])
        )
        where = self._where(_equals("doc_id", doc_id), of, *conditions)
        await self._client.delete(self._chunks, models.FilterSelector(filter=where), **WRITES)

    def _where(self, *conditions: models.Condition) -> models.Filter:
        return models.Filter(must=[_equals("tenant", self._tenant), *conditions])


def _edition(revision: str, version: str) -> str:
    return f"{revision} {version}"


def _equals(key: str, value: str | bool) -> models.FieldCondition:
    return models.FieldCondition(key=key, match=models.MatchValue(value=value))


def _within(scope: Scope) -> list[models.Condition]:
    conditions: list[models.Condition] = [
        models.FieldCondition(key="tags", match=models.MatchAny(any=sorted(tags))) for tags in scope.tags
    ]
    if scope.groups is not None:
        readable: list[models.Condition] = [models.IsEmptyCondition(is_empty=models.PayloadField(key="groups"))]
        if scope.groups:
            readable.append(models.FieldCondition(key="groups", match=models.MatchAny(any=sorted(scope.groups))))
        conditions.append(models.Filter(should=readable))
    return conditions
