"""One tenant's part of the index in Milvus: reads and writes of its records and chunks, strongly consistent."""

import asyncio
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from app.adapters.batches import batches
from app.adapters.milvus_store_schema import DENSE, SPARSE, WORDS, record_row, row_id
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
from app.rag.sparse import asked_words, counted_words

MAX_ROWS = 16_384
"""Milvus's limit for one answer."""
_RECORD = ["doc_id", "version", "revision", "source_uri", "title", "chunks", "deleted", "groups", "tags"]
_CHUNK = ["chunk_id", "doc_id", "version", "revision", "ordinal", "title", "text", "source_uri", "location"]


class TenantRows:
    """Implements `TenantIndex`. Raises MilvusException or grpc.RpcError if Milvus fails."""

    def __init__(self, client: Any, prefix: str, tenant: str) -> None:
        self._client = client
        self._tenant = tenant
        self._chunks, self._records = f"{prefix}_chunks", f"{prefix}_records"

    async def states(self, doc_ids: Iterable[str]) -> dict[str, RecordState]:
        ids = [row_id(self._tenant, doc_id) for doc_id in doc_ids]
        rows = await self._rows(self._records, _RECORD, f"id in {_literal(ids)}") if ids else []
        return by_document(record_state(row) for row in rows)

    async def page(self, limit: int, after: str) -> tuple[list[RecordState], str | None]:
        """Page like the client's iterator: by id; a page may be short, and an empty one is the end."""
        beyond = [f"id > {_literal(position)}"] if (position := checked_position(after)) else []
        where = self._where("deleted == false", *beyond)
        rows = await self._client.query(
            self._records, filter=where, output_fields=["id", *_RECORD], limit=limit, iterator="True"
        )
        return [record_state(row) for row in rows], rows[-1]["id"] if rows else None

    async def count_documents(self) -> int:
        return await self._count(self._records, "deleted == false")

    async def write_records(self, records: Sequence[Mapping[str, Any]]) -> None:
        await self._client.upsert(self._records, [record_row(self._tenant, record) for record in records])

    async def write_chunks(self, chunks: Sequence[Mapping[str, Any]], vectors: Matrix) -> None:
        async for rows in batches(self._row, chunks, vectors):
            await self._client.upsert(self._chunks, rows)

    async def count_chunks(self, doc_id: str, version: str, expected: int) -> int:  # noqa: ARG002 - a count sees every write before it
        return await self._count(self._chunks, _of(doc_id, version))

    async def remove_excess(self, doc_id: str, version: str, chunks: int) -> None:
        where = self._where(_of(doc_id, version), f"ordinal >= {chunks}")
        await self._client.delete(self._chunks, filter=where)

    async def remove_versions(self, doc_id: str, revision: int, *, but: str | None) -> None:
        old = [f"doc_id == {_literal(doc_id)}", f"revision <= {_literal(sortable(revision))}"]
        where = self._where(*old, *([f"version != {_literal(but)}"] if but else []))
        await self._client.delete(self._chunks, filter=where)

    async def find(self, wanted: Wanted, limit: int) -> list[FoundChunk]:
        where, candidates = self._where(*_within(wanted.scope)), min(max(LEG_LIMIT, limit), MAX_ROWS)
        words = asked_words(wanted.text)
        legs = await asyncio.gather(
            self._leg(words or None, SPARSE, where, candidates),
            self._leg(wanted.vector.tolist() if wanted.vector.any() else None, DENSE, where, candidates),
        )
        found = {hit["id"]: hit["entity"] for leg in legs for hit in leg}
        # Milvus Lite returns BM25 scores as negative distances; either way the best comes first.
        keyword, vector = ([(hit["id"], hit["distance"]) for hit in leg] for leg in legs)
        ranked = relative_score([(id_, abs(score)) for id_, score in keyword], vector)
        return [found_chunk(found[id_]["chunk_id"], found[id_], score) for id_, score in ranked[:limit]]

    async def _leg(self, asked: Any, field: str, where: str, limit: int) -> list[dict[str, Any]]:
        if asked is None:
            return []
        answers = await self._client.search(
            self._chunks, data=[asked], anns_field=field, filter=where, limit=limit, output_fields=_CHUNK
        )
        return list(answers[0])

    async def _rows(self, collection: str, fields: list[str], *conditions: str) -> list[dict[str, Any]]:
        return list(
            await self._client.query(collection, filter=self._where(*conditions), output_fields=fields, limit=MAX_ROWS)
        )

    async def _count(self, collection: str, condition: str) -> int:
        where = self._where(condition)
        (row,) = await self._client.query(collection, filter=where, output_fields=["count(*)"])
        return int(row["count(*)"])

    def _row(self, chunk: Mapping[str, Any], vector: list[float]) -> dict[str, Any]:
        return {
            **chunk,
            "id": row_id(self._tenant, chunk["chunk_id"]),
            "tenant": self._tenant,
            WORDS: counted_words(chunk["title"], chunk["text"]),
            DENSE: vector,
        }

    def _where(self, *conditions: str) -> str:
        return " and ".join([f"tenant == {_literal(self._tenant)}", *conditions])


def _literal(value: str | Sequence[str]) -> str:
    """Return a text or a list of texts as a literal of Milvus's expressions."""
    return json.dumps(value, ensure_ascii=False)


def _of(doc_id: str, version: str) -> str:
    return f"doc_id == {_literal(doc_id)} and version == {_literal(version)}"


def _within(scope: Scope) -> list[str]:
    conditions = [f"array_contains_any(tags, {_literal(sorted(tags))})" for tags in scope.tags]
    if scope.groups is not None:
        readable = "restricted == false"
        if scope.groups:
            readable += f" or array_contains_any(groups, {_literal(sorted(scope.groups))})"
        conditions.append(f"({readable})")
    return conditions
