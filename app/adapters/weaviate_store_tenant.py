"""One tenant's part of the index in Weaviate: reads and writes of its records and chunks, at quorum."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from weaviate import WeaviateAsyncClient
from weaviate.classes.config import ConsistencyLevel
from weaviate.classes.data import DataObject
from weaviate.classes.query import Filter
from weaviate.collections import CollectionAsync
from weaviate.collections.classes.filters import FilterReturn
from weaviate.collections.classes.types import WeaviateProperties
from weaviate.exceptions import WeaviateBatchError, WeaviateTenantGetError

from app.adapters.batches import batches
from app.adapters.recorded_index import FoundChunk, RecordState, Wanted, by_document, checked_position, sortable
from app.adapters.weaviate_store_schema import chunk_object, record_id, record_object, tenant_name
from app.adapters.weaviate_store_search import (
    SearchCall,
    chunks_request,
    found_chunk,
    found_record,
    page_request,
    records_request,
)
from app.ports import DependencyUnavailable, Matrix

T = TypeVar("T")

COUNTED_PAGE = 1000
COUNT_DELAYS_S = (0.0, 0.05, 0.1, 0.2, 0.4)
"""Delays before each count of staged chunks: a replica may lag behind the quorum that accepted them."""


class TenantCollections:
    """Implements `TenantIndex`.

    Raises WeaviateBaseError if Weaviate fails, DependencyUnavailable if it accepts a write only in part.
    """

    def __init__(self, client: WeaviateAsyncClient, search: SearchCall, prefix: str, tenant: str) -> None:
        self._search = search
        self._name = tenant_name(tenant)
        self._all_chunks = client.collections.use(f"{prefix}Chunk")
        self._all_records = client.collections.use(f"{prefix}Document")
        self._chunks = self._all_chunks.with_tenant(self._name).with_consistency_level(ConsistencyLevel.QUORUM)
        self._records = self._all_records.with_tenant(self._name).with_consistency_level(ConsistencyLevel.QUORUM)

    async def exists(self) -> bool:
        """Whether the tenant exists. Asked by gRPC, which searches and writes need anyway, and which retries."""
        return bool(await _answered(lambda: self._all_records.tenants.get_by_names([self._name])))

    async def create(self) -> None:
        """Create the tenant; that of the records last, so that its existence implies the other's."""
        await self._all_chunks.tenants.create([self._name])
        await self._all_records.tenants.create([self._name])

    async def write_chunks(self, chunks: Sequence[Mapping[str, Any]], vectors: Matrix) -> None:
        async for objects in batches(chunk_object, chunks, vectors):
            await _write(self._chunks, objects)

    async def write_records(self, records: Sequence[Mapping[str, Any]]) -> None:
        await _write(self._records, [record_object(record) for record in records])

    async def states(self, doc_ids: Iterable[str]) -> dict[str, RecordState]:
        uuids = [record_id(doc_id) for doc_id in doc_ids]
        found = await self._search(records_request(self._records.name, self._name, uuids)) if uuids else ()
        return by_document(map(found_record, found))

    async def page(self, limit: int, after: str) -> tuple[list[RecordState], str | None]:
        request = page_request(self._records.name, self._name, limit, checked_position(after))
        found = await self._search(request)
        return [found_record(result) for result in found], found[-1].metadata.id if len(found) == limit else None

    async def count_documents(self) -> int:
        """Count one by one: Weaviate can neither filter nor aggregate by `deleted`, which is not indexed."""
        count = 0
        async for item in self._records.iterator(return_properties=["deleted"], cache_size=COUNTED_PAGE):
            count += not item.properties["deleted"]
        return count

    async def count_chunks(self, doc_id: str, version: str, expected: int) -> int:
        count = 0
        for delay_s in COUNT_DELAYS_S:
            await asyncio.sleep(delay_s)
            counted = await self._chunks.aggregate.over_all(filters=_of(doc_id, version), total_count=True)
            count = counted.total_count or 0
            if count >= expected:
                break
        return count

    async def remove_excess(self, doc_id: str, version: str, chunks: int) -> None:
        await self._remove(_of(doc_id, version) & Filter.by_property("ordinal").greater_or_equal(chunks))

    async def remove_versions(self, doc_id: str, revision: int, *, but: str | None) -> None:
        old = Filter.by_property("doc_id").equal(doc_id)
        old &= Filter.by_property("revision").less_or_equal(sortable(revision))
        await self._remove(old & Filter.by_property("version").not_equal(but) if but else old)

    async def find(self, wanted: Wanted, limit: int) -> list[FoundChunk]:
        found = await self._search(chunks_request(self._chunks.name, self._name, wanted, limit))
        return [found_chunk(result) for result in found]

    async def _remove(self, where: FilterReturn) -> None:
        """Delete repeatedly: one request removes no more objects than the server's limit of results."""
        while (removed := await self._chunks.data.delete_many(where)).matches:
            if removed.failed:
                raise DependencyUnavailable("vector_store", f"Weaviate failed to remove {removed.failed} chunks.")


async def _answered(request: Callable[[], Awaitable[T]]) -> T:
    """Repeat a failed request once: one that a replica forwards to a leader that just died is never answered."""
    try:
        return await request()
    except (WeaviateBatchError, WeaviateTenantGetError):
        return await request()


async def _write(
    collection: CollectionAsync[WeaviateProperties, None], objects: Sequence[DataObject[WeaviateProperties, None]]
) -> None:
    written = await _answered(lambda: collection.data.insert_many(objects))
    if written.has_errors:
        raise DependencyUnavailable(
            "vector_store", f"Weaviate refused {len(written.errors)} of {len(objects)} objects of {collection.name}."
        )


def _of(doc_id: str, version: str) -> FilterReturn:
    return Filter.by_property("doc_id").equal(doc_id) & Filter.by_property("version").equal(version)
