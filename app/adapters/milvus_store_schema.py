"""The index's layout in Milvus: `<prefix>_chunks` has vectors and words for BM25; `<prefix>_records` has a row per
document, and one without a tenant that holds the index identity. A partition key separates tenants.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any
from uuid import UUID, uuid5

from pymilvus import DataType, Function, FunctionType

from app.adapters.recorded_index import parsed_identity, record_properties
from app.ports import DocumentVersion, IndexIdentity
from app.rag.access import MAX_GROUPS, MAX_TAGS

IDENTITY = "identity"
DENSE, WORDS, SPARSE = "dense", "words", "sparse"
_ROWS = UUID("9b0a4f0e-1f43-5d0a-8a51-6a1c4f2b7e66")
_ID_CHARS = 36
_LONGEST_TEXT = 65_535
"""In bytes: Milvus's limit for any text."""
_LONGEST_NAME = 8192
"""In bytes: a source URI has up to 2048 characters of up to four bytes."""
_LONGEST_TAG = 1024
_COMMON = ("tenant", "doc_id", "version", "revision", "source_uri", "title")


def row_id(*parts: str) -> str:
    """Return an id for these parts. No tenant's name contains a NUL."""
    return str(uuid5(_ROWS, "\0".join(parts)))


def record_row(tenant: str, record: Mapping[str, Any]) -> dict[str, Any]:
    """Return a record's row, with a vector that nobody uses: Milvus has no collections without vectors."""
    return {**record, "id": row_id(tenant, record["doc_id"]), "tenant": tenant, "unused": [1.0, 0.0]}


async def create_collections(client: Any, prefix: str, identity: IndexIdentity) -> object:
    """Create what is missing and return the identity that the index was built with, None if it is unreadable.

    The identity is written before the chunks exist: if the creator dies in between, the next one can complete the work.
    """
    records, chunks, wanted = f"{prefix}_records", f"{prefix}_chunks", asdict(identity)
    if not await client.has_collection(records):
        await _create_records(client, records)
    await client.load_collection(records)
    if not (found := await _identity_rows(client, records)):
        about = DocumentVersion(doc_id=IDENTITY, version="", revision=0, source_uri=json.dumps(wanted), title="")
        await client.upsert(records, [record_row("", record_properties(about, 0, deleted=True))])
        found = await _identity_rows(client, records)
    stored = parsed_identity(found[0]["source_uri"]) if found else None
    if stored == wanted:
        if not await client.has_collection(chunks):
            await _create_chunks(client, chunks, identity.dimensions)
        await client.load_collection(chunks)
    return stored


async def _identity_rows(client: Any, records: str) -> list[dict[str, Any]]:
    where = f"id == {json.dumps(row_id('', IDENTITY))}"
    return list(await client.query(records, filter=where, output_fields=["source_uri"]))


async def _create_records(client: Any, name: str) -> None:
    schema, indexes = _schema(client), client.prepare_index_params()
    schema.add_field("chunks", DataType.INT64)
    schema.add_field("deleted", DataType.BOOL)
    schema.add_field("unused", DataType.FLOAT_VECTOR, dim=2)
    indexes.add_index("unused", index_type="FLAT", metric_type="COSINE")
    await client.create_collection(name, schema=schema, index_params=indexes, consistency_level="Strong")


async def _create_chunks(client: Any, name: str, dimensions: int) -> None:
    schema, indexes = _schema(client), client.prepare_index_params()
    for text in ("chunk_id", "text", "location"):
        schema.add_field(text, DataType.VARCHAR, max_length=_LONGEST_TEXT)
    schema.add_field("ordinal", DataType.INT64)
    schema.add_field("restricted", DataType.BOOL)
    by_word = {"tokenizer": "standard", "filter": ["lowercase"]}
    schema.add_field(WORDS, DataType.VARCHAR, max_length=_LONGEST_TEXT, enable_analyzer=True, analyzer_params=by_word)
    schema.add_field(DENSE, DataType.FLOAT_VECTOR, dim=dimensions)
    schema.add_field(SPARSE, DataType.SPARSE_FLOAT_VECTOR)
    schema.add_function(
        Function(name="bm25", input_field_names=[WORDS], output_field_names=[SPARSE], function_type=FunctionType.BM25)
    )
    indexes.add_index(DENSE, index_type="AUTOINDEX", metric_type="COSINE")
    indexes.add_index(SPARSE, index_type="SPARSE_INVERTED_INDEX", metric_type="BM25")
    await client.create_collection(name, schema=schema, index_params=indexes, consistency_level="Strong")


def _schema(client: Any) -> Any:
    """Return the fields that records and chunks share."""
    schema = client.create_schema(auto_id=False, enable_dynamic_field=False)
    schema.add_field("id", DataType.VARCHAR, max_length=_ID_CHARS, is_primary=True)
    for name in _COMMON:
        schema.add_field(name, DataType.VARCHAR, max_length=_LONGEST_NAME, is_partition_key=name == "tenant")
    for name, most, longest in (("groups", MAX_GROUPS, 64), ("tags", MAX_TAGS, _LONGEST_TAG)):
        schema.add_field(name, DataType.ARRAY, element_type=DataType.VARCHAR, max_capacity=most, max_length=longest)
    return schema
