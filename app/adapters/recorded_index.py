"""One tenant of an index whose store has no transactions: what it must do, and what its records and chunks carry.

A record tells which version of a document is published; chunks of any version lie beside it. Revisions are text of
fixed width: some stores carry integers as floating point numbers, which would lose a nanosecond clock's last digits.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol, cast
from uuid import UUID, uuid4

from app.ports import Chunk, DocumentRecord, DocumentVersion, Hit, Matrix, Scope, UnknownPosition, Vector

CORPUS_ID = ""
"""Of a record that is no document's, and stands as deleted: its version is that of the whole corpus."""
CHANGING = "changing"
"""Title of the corpus's record from before a document's record is written until that is done."""
_REVISION_DIGITS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordState:
    """A document's record, tombstones included."""

    record: DocumentRecord
    deleted: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundChunk:
    """A hit that may belong to a version that is not published; `revision` is that version's."""

    hit: Hit
    revision: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a search looks for, and where."""

    text: str
    vector: Vector
    scope: Scope


class TenantIndex(Protocol):
    """Raises the errors of its client, which the store turns into the ports'."""

    async def states(self, doc_ids: Iterable[str]) -> dict[str, RecordState]:
        """Records of these documents, tombstones included, by document id."""
        ...

    async def page(self, limit: int, after: str) -> tuple[list[RecordState], str | None]:
        """At most `limit` records after a position ("": all), and the position after them; None if that is the end.

        Tombstones may be among them. The order is that of the records' ids. Raises UnknownPosition.
        """
        ...

    async def count_documents(self) -> int:
        """Count the records that are no tombstones."""
        ...

    async def write_records(self, records: Sequence[Mapping[str, Any]]) -> None:
        """Write records of `record_properties`, each over the one of its document."""
        ...

    async def write_chunks(self, chunks: Sequence[Mapping[str, Any]], vectors: Matrix) -> None:
        """Write chunks of `chunk_properties`, each over the one of its id."""
        ...

    async def count_chunks(self, doc_id: str, version: str, expected: int) -> int:
        """Chunks of one version, counted again for a moment while there are fewer than expected, if a count may lag."""
        ...

    async def remove_excess(self, doc_id: str, version: str, chunks: int) -> None:
        """Remove the chunks of a version beyond the first `chunks`."""
        ...

    async def remove_versions(self, doc_id: str, revision: int, *, but: str | None) -> None:
        """Remove every version up to a revision except `but`; one that is being staged with a newer revision stays."""
        ...

    async def find(self, wanted: Wanted, limit: int) -> list[FoundChunk]:
        """The best chunks of any version in the scope, published or not."""
        ...


def checked_position(after: str) -> str:
    """Return a position that is a record's id, or "". Raises UnknownPosition."""
    try:
        return after and str(UUID(after))
    except ValueError:
        raise UnknownPosition("no record has such an id") from None


def sortable(revision: int) -> str:
    return f"{revision:0{_REVISION_DIGITS}d}"


def chunk_properties(chunk: Chunk, document: DocumentVersion) -> dict[str, Any]:
    """`restricted` tells that there are groups."""
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
    """A record with a corpus version that there never was; its title tells whether a document is being changed."""
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
