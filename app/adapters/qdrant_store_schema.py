"""The index's layout in Qdrant: two collections, and the payload indexes that keep filters fast.

`<prefix>-chunks` holds chunks with a dense and a word vector; `<prefix>-records` has one point per document, without
vectors.
"""

from typing import Any
from uuid import UUID, uuid5

from qdrant_client import AsyncQdrantClient, models

DENSE = "dense"
WORDS = "words"
_POINTS = UUID("7d0cbb5e-4a7e-5d0c-9c7b-0a5f4f1e2b90")
_KEYS = ("doc_id", "edition", "groups", "tags")
"""Payload fields of chunks that filters compare as a whole."""


def record_id(tenant: str, doc_id: str) -> str:
    """Return the id of a document's record. No tenant's name contains a NUL."""
    return str(uuid5(_POINTS, f"{tenant}\0{doc_id}"))


def chunk_point_id(tenant: str, chunk_id: str) -> str:
    return str(uuid5(_POINTS, f"{tenant}\0{chunk_id}"))


async def create_collections(
    client: AsyncQdrantClient, prefix: str, dimensions: int, identity: dict[str, Any], replication_factor: int
) -> object:
    """Create what is missing and return the metadata of the chunk collection, None if it has none.

    That metadata is the index identity, written by the same request that creates the collection.
    """
    copies: dict[str, Any] = {
        "replication_factor": replication_factor,
        "write_consistency_factor": replication_factor // 2 + 1,
    }
    tenants = models.KeywordIndexParams(type=models.KeywordIndexType.KEYWORD, is_tenant=True)
    records, chunks = f"{prefix}-records", f"{prefix}-chunks"
    if not await client.collection_exists(records):
        await _create(client, records, vectors_config={}, **copies)
    if not await client.collection_exists(chunks):
        words = models.SparseVectorParams(modifier=models.Modifier.IDF)
        await _create(
            client,
            chunks,
            vectors_config={DENSE: models.VectorParams(size=dimensions, distance=models.Distance.COSINE)},
            sparse_vectors_config={WORDS: words},
            metadata=identity,
            **copies,
        )
    for name in (records, chunks):
        await client.create_payload_index(name, "tenant", tenants, wait=True)
    for key in _KEYS:
        await client.create_payload_index(chunks, key, models.PayloadSchemaType.KEYWORD, wait=True)
    await client.create_payload_index(chunks, "ordinal", models.PayloadSchemaType.INTEGER, wait=True)
    return (await client.get_collection(chunks)).config.metadata


async def _create(client: AsyncQdrantClient, name: str, **options: Any) -> None:
    try:
        await client.create_collection(name, **options)
    except Exception:
        if not await client.collection_exists(name):  # another replica may just have created it
            raise
