"""What one tenant's index must offer if its store has no transactions, and what its records and chunks contain.

A record says which version of a document is published; chunks of all versions are stored beside it. Revisions are
stored as text of fixed width, because some stores keep integers as floating point numbers, which would lose the last
digits of a nanosecond clock.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol, cast
from uuid import UUID, uuid4

from app.ports import Chunk, DocumentRecord, DocumentVersion, Hit, Matrix, Scope, UnknownPosition, Vector

CORPUS_ID = ""
"""Id of a record that belongs to no document and counts as deleted: its version is that of the whole corpus."""
CHANGING = "changing"
"""The title of the corpus record while a document's record is being written."""
_REVISION_DIGITS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordState:
    """A document's record, tombstones included."""

    record: DocumentRecord
    deleted: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundChunk:
    """A hit whose version, of this `revision`, may not be published."""

    hit: Hit
    revision: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What to search for, and in which documents."""

    text: str
    vector: Vector
    scope: Scope


class TenantIndex(Protocol):
    """One tenant's index. It raises its client's errors, which the store translates."""

    async def states(self, doc_ids: Iterable[str]) -> dict[str, RecordState]:
        """Return the records of these documents, tombstones included, by document id."""
        ...

    async def page(self, limit: int, after: str) -> tuple[list[RecordState], str | None]:
        """Return at most `limit` records after a position ("": from the start), and the next position, None at the end.

        Records are ordered by id and may include tombstones. Raises UnknownPosition.
        """
        ...

    async def count_documents(self) -> int:
        """Count the records that are not tombstones."""
        ...

    async def write_records(self, records: Sequence[Mapping[str, Any]]) -> None:
        """Write records (`record_properties`), each replacing that of its document."""
        ...

    async def write_chunks(self, chunks: Sequence[Mapping[str, Any]], vectors: Matrix) -> None:
        """Write chunks (`chunk_properties`), each replacing the one with its id."""
        ...

    async def count_chunks(self, doc_id: str, version: str, expected: int) -> int:
        """Count a version's chunks. If counts may lag, repeat for a moment while there are fewer than expected."""
        ...

    async def remove_excess(self, doc_id: str, version: str, chunks: int) -> None:
        """Remove the chunks of a version beyond the first `chunks`."""
        ...

    async def remove_versions(self, doc_id: str, revision: int, *, but: str | None) -> None:
        """Remove all versions up to a revision except `but`; a newer one that is being staged stays."""
        ...

    async def find(self, wanted: Wanted, limit: int) -> list[FoundChunk]:
        """Return the best chunks in the scope, of published and other versions."""
        ...


def parsed_identity(stored: object) -> object:
    """Return an index's identity from the JSON that its store keeps, None if there is none."""
    try:
        return json.loads(str(stored))
    except ValueError:
        return None


def by_document(states: Iterable[RecordState]) -> dict[str, RecordState]:
    return {state.record.doc_id: state for state in states}


def checked_position(after: str) -> str:
    """Return the position if it is a record's id or "". Raises UnknownPosition."""
    try:
        return after and str(UUID(after))
    except ValueError:
        raise UnknownPosition("no record has such an id") from None


def sortable(revision: int) -> str:
    return f"{revision:0{_REVISION_DIGITS}d}"


def chunk_properties(chunk: Chunk, document: DocumentVersion) -> dict[str, Any]:
    """Return a chunk's stored properties; `restricted` says whether it has groups."""
    return asdict(chunk) | {
        "revision": sortable(document.revision),
        "groups": list(document.groups),
        "tags": list(document.tags),
        "restricted": bool(document.groups),
    }


def found_chunk(chunk_id: str, properties: Mapping[str, Any], score: float) -> FoundChunk:
    texts = ("doc_id", "version", "title", "text", "source_uri", "location")
    chunk = Chunk(
        chunk_id=chunk_id,
        ordinal=_integer(properties["ordinal"]),
        **{name: str(properties[name]) for name in texts},  # pyright: ignore[reportArgumentType] - texts alone
    )
    return FoundChunk(hit=Hit(chunk=chunk, score=score), revision=int(str(properties["revision"])))


def record_properties(document: DocumentVersion, chunks: int, *, deleted: bool) -> dict[str, Any]:
    return asdict(document) | {
        "revision": sortable(document.revision),
        "chunks": chunks,
        "deleted": deleted,
        "groups": list(document.groups),
        "tags": list(document.tags),
    }


def corpus_properties(*, changing: bool) -> dict[str, Any]:
    """Return the corpus record with a new version; its title says whether a document is being changed."""
    title = CHANGING if changing else ""
    version = DocumentVersion(doc_id=CORPUS_ID, version=uuid4().hex, revision=0, source_uri="", title=title)
    return record_properties(version, 0, deleted=True)


def record_state(properties: Mapping[str, Any]) -> RecordState:
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
