"""How the index lies in Weaviate: two collections, their properties, and the names that Weaviate accepts.

`<prefix>Chunk` holds chunks with their vectors, `<prefix>Document` one record a document. Revisions are text of fixed
width: Weaviate carries integers as floating point numbers, which would lose the last digits of a nanosecond clock.
"""

import json
import re
from dataclasses import asdict, dataclass
from hashlib import sha256
from typing import Any, cast
from uuid import UUID, uuid4, uuid5

from weaviate import WeaviateAsyncClient
from weaviate.classes.config import Configure, DataType, Property, ReplicationDeletionStrategy, Tokenization
from weaviate.classes.data import DataObject
from weaviate.collections.classes.types import WeaviateProperties
from weaviate.exceptions import UnexpectedStatusCodeError, WeaviateInvalidInputError

from app.ports import Chunk, DocumentRecord, DocumentVersion, IndexIdentity

_RECORDS = UUID("5b1d3d0e-9a52-5a6e-8f0e-0f4d6f1f7c11")
_REVISION_DIGITS = 20
CORPUS_ID = ""
"""Of a record that is no document's, and stands as deleted: its version is that of the whole corpus."""
_PLAIN_TENANT = re.compile(r"[A-Za-z0-9-]{1,48}")


def _key(name: str) -> Property:
    """Compared as a whole, never searched for words."""
    return Property(name=name, data_type=DataType.TEXT, tokenization=Tokenization.FIELD, index_searchable=False)


def _kept(name: str, data_type: DataType = DataType.TEXT) -> Property:
    """Returned with a hit, in no index."""
    return Property(name=name, data_type=data_type, index_filterable=False, index_searchable=False)


_SCOPE_PROPERTIES = [
    Property(name=name, data_type=DataType.TEXT_ARRAY, tokenization=Tokenization.FIELD, index_searchable=False)
    for name in ("groups", "tags")
] + [Property(name="restricted", data_type=DataType.BOOL)]
"""Of chunks. `restricted` tells that there are groups: chunks of before there were any lack all three, and are open."""
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


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordState:
    """A document's record, tombstones included."""

    record: DocumentRecord
    deleted: bool


async def create_collections(
    client: WeaviateAsyncClient, prefix: str, identity: IndexIdentity, replication_factor: int
) -> None:
    """Create what is missing; the description of the chunk collection is the index identity."""
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
        except UnexpectedStatusCodeError:  # another replica of the service may have created it in this moment
            if not await client.collections.exists(name):
                raise


async def complete_collections(client: WeaviateAsyncClient, prefix: str) -> None:
    """Add the properties that the collections of an older program lack."""
    for name, properties in ((f"{prefix}Document", _RECORD_PROPERTIES), (f"{prefix}Chunk", _CHUNK_PROPERTIES)):
        collection = client.collections.use(name)
        present = {found.name for found in (await collection.config.get()).properties}
        for missing in (wanted for wanted in properties if wanted.name not in present):
            try:
                await collection.config.add_property(missing)
            except WeaviateInvalidInputError:  # another replica of the service may have added it in this moment
                continue


async def stored_identity(client: WeaviateAsyncClient, prefix: str) -> object:
    """What the chunk collection was built with, as a JSON object; None if it carries no identity of ours."""
    config = await client.collections.use(f"{prefix}Chunk").config.get()
    try:
        return json.loads(config.description or "null")
    except ValueError:
        return None


def tenant_name(tenant: str) -> str:
    """A name that Weaviate accepts, another one for each tenant."""
    return f"n-{tenant}" if _PLAIN_TENANT.fullmatch(tenant) else f"h-{sha256(tenant.encode()).hexdigest()[:48]}"


def record_id(doc_id: str) -> UUID:
    return uuid5(_RECORDS, doc_id)


def sortable(revision: int) -> str:
    return f"{revision:0{_REVISION_DIGITS}d}"


def chunk_object(chunk: Chunk, document: DocumentVersion, vector: list[float]) -> DataObject[WeaviateProperties, None]:
    properties: dict[str, Any] = asdict(chunk) | {
        "revision": sortable(document.revision),
        "groups": list(document.groups),
        "tags": list(document.tags),
        "restricted": bool(document.groups),
    }
    return DataObject(uuid=properties.pop("chunk_id"), properties=properties, vector=vector)


def chunk_of(uuid: UUID, properties: WeaviateProperties) -> Chunk:
    return Chunk(
        chunk_id=str(uuid),
        doc_id=str(properties["doc_id"]),
        version=str(properties["version"]),
        ordinal=_integer(properties["ordinal"]),
        title=str(properties["title"]),
        text=str(properties["text"]),
        source_uri=str(properties["source_uri"]),
        location=str(properties["location"]),
    )


def record_object(document: DocumentVersion, chunks: int, *, deleted: bool) -> DataObject[WeaviateProperties, None]:
    properties = asdict(document) | {
        "revision": sortable(document.revision),
        "chunks": chunks,
        "deleted": deleted,
        "groups": list(document.groups),
        "tags": list(document.tags),
    }
    return DataObject(uuid=record_id(document.doc_id), properties=properties)


def corpus_object() -> DataObject[WeaviateProperties, None]:
    """A corpus version that there never was."""
    version = DocumentVersion(doc_id=CORPUS_ID, version=uuid4().hex, revision=0, source_uri="", title="")
    return record_object(version, 0, deleted=True)


def record_of(properties: WeaviateProperties) -> RecordState:
    record = DocumentRecord(
        doc_id=str(properties["doc_id"]),
        version=str(properties["version"]),
        revision=int(str(properties["revision"])),
        source_uri=str(properties["source_uri"]),
        title=str(properties["title"]),
        chunks=_integer(properties["chunks"]),
        groups=_texts(properties.get("groups")),
        tags=_texts(properties.get("tags")),
    )
    return RecordState(record=record, deleted=bool(properties["deleted"]))


def _texts(value: object) -> tuple[str, ...]:
    return tuple(str(item) for item in cast("list[object]", value or []))


def _integer(value: object) -> int:
    return int(str(value).removesuffix(".0"))
