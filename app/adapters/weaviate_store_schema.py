"""The index's layout in Weaviate: two collections, their properties, and names that Weaviate accepts.

`<prefix>Chunk` holds chunks with their vectors, `<prefix>Document` one record per document.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict
from functools import lru_cache
from hashlib import sha256
from typing import Any
from uuid import UUID, uuid5

from weaviate import WeaviateAsyncClient
from weaviate.classes.config import Configure, DataType, Property, ReplicationDeletionStrategy, Tokenization
from weaviate.classes.data import DataObject
from weaviate.collections.classes.types import WeaviateProperties
from weaviate.exceptions import UnexpectedStatusCodeError, WeaviateInvalidInputError

from app.adapters.recorded_index import parsed_identity
from app.ports import IndexIdentity

_RECORDS = UUID("5b1d3d0e-9a52-5a6e-8f0e-0f4d6f1f7c11")
_PLAIN_TENANT = re.compile(r"[A-Za-z0-9-]{1,48}")


def _key(name: str) -> Property:
    """Return a property that is compared as a whole, never searched for words."""
    return Property(name=name, data_type=DataType.TEXT, tokenization=Tokenization.FIELD, index_searchable=False)


def _kept(name: str, data_type: DataType = DataType.TEXT) -> Property:
    """Return a property that is returned with hits but not indexed."""
    return Property(name=name, data_type=data_type, index_filterable=False, index_searchable=False)


_SCOPE_PROPERTIES = [
    Property(name=name, data_type=DataType.TEXT_ARRAY, tokenization=Tokenization.FIELD, index_searchable=False)
    for name in ("groups", "tags")
] + [Property(name="restricted", data_type=DataType.BOOL)]
"""Of chunks. `restricted` says whether there are groups; chunks from older versions lack all three and are open."""
_RECORD_SCOPE_PROPERTIES = [_kept(name, DataType.TEXT_ARRAY) for name in ("groups", "tags")]
_CHUNK_PROPERTIES = [
    _key("doc_id"),
    _key("version"),
    _key("revision"),
    Property(name="ordinal", data_type=DataType.INT),
    Property(name="text", data_type=DataType.TEXT, tokenization=Tokenization.WORD, index_filterable=False),
    *(_kept(name) for name in ("title", "source_uri", "location")),
    *_SCOPE_PROPERTIES,
]
_RECORD_PROPERTIES = [
    *(_kept(name) for name in ("doc_id", "version", "revision", "source_uri", "title")),
    Property(name="chunks", data_type=DataType.INT, index_filterable=False),
    Property(name="deleted", data_type=DataType.BOOL, index_filterable=False),
    *_RECORD_SCOPE_PROPERTIES,
]


async def create_collections(
    client: WeaviateAsyncClient, prefix: str, identity: IndexIdentity, replication_factor: int
) -> None:
    """Create what is missing. The chunk collection's description is the index identity."""
    for name, description, properties in (
        (f"{prefix}Document", "The published version of each document.", _RECORD_PROPERTIES),
        (f"{prefix}Chunk", json.dumps(asdict(identity)), _CHUNK_PROPERTIES),
    ):
        if await client.collections.exists(name):
            continue
        try:
            await client.collections.create(
                name,
                description=description,
                properties=properties,
                vector_config=Configure.Vectors.self_provided(),
                multi_tenancy_config=Configure.multi_tenancy(enabled=True, auto_tenant_activation=True),
                replication_config=Configure.replication(
                    factor=replication_factor,
                    async_enabled=replication_factor > 1,
                    deletion_strategy=ReplicationDeletionStrategy.TIME_BASED_RESOLUTION,
                ),
            )
        except UnexpectedStatusCodeError:  # another replica may just have created it
            if not await client.collections.exists(name):
                raise


async def complete_collections(client: WeaviateAsyncClient, prefix: str) -> None:
    """Add the properties that collections created by an older version lack."""
    for name, properties in ((f"{prefix}Document", _RECORD_PROPERTIES), (f"{prefix}Chunk", _CHUNK_PROPERTIES)):
        collection = client.collections.use(name)
        present = {found.name for found in (await collection.config.get()).properties}
        for missing in (wanted for wanted in properties if wanted.name not in present):
            try:
                await collection.config.add_property(missing)
            except WeaviateInvalidInputError:  # another replica may just have added it
                continue


async def stored_identity(client: WeaviateAsyncClient, prefix: str) -> object:
    """Return the identity that the chunk collection was built with as a JSON object, None if it has none."""
    config = await client.collections.use(f"{prefix}Chunk").config.get()
    return parsed_identity(config.description)


def tenant_name(tenant: str) -> str:
    """Return a name that Weaviate accepts, unique for each tenant."""
    return f"n-{tenant}" if _PLAIN_TENANT.fullmatch(tenant) else f"h-{sha256(tenant.encode()).hexdigest()[:48]}"


@lru_cache(4096)  # a search looks up some twenty
def record_id(doc_id: str) -> UUID:
    return uuid5(_RECORDS, doc_id)


def chunk_object(properties: Mapping[str, Any], vector: list[float]) -> DataObject[WeaviateProperties, None]:
    kept = dict(properties)
    return DataObject(uuid=kept.pop("chunk_id"), properties=kept, vector=vector)


def record_object(properties: Mapping[str, Any]) -> DataObject[WeaviateProperties, None]:
    return DataObject(uuid=record_id(properties["doc_id"]), properties=dict(properties))
