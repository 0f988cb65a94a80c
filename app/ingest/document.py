"""A file as it comes in, and the text that is read from it."""

from dataclasses import dataclass

from app.rag.chunking import Section


class UnreadableDocument(Exception):
    """The file cannot be indexed; `args[0]` is a sentence for its sender that says why."""


class DocumentOfOthers(Exception):
    """The existing document belongs to groups that the writer is not in; nothing was written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceFile:
    """A file to ingest. `revision` orders the versions of one source: its time of change in nanoseconds since the
    epoch.

    A revision in the future, from another clock, counts as now: otherwise nothing could replace or delete the document.
    `groups` and `tags` are those of `ports.DocumentVersion`; None keeps what the existing document has.
    """

    name: str
    content: bytes
    source_uri: str
    revision: int
    groups: tuple[str, ...] | None = None
    tags: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedDocument:
    """The text of a document. `title` is empty if the document has none; `parse` then uses the file's name."""

    title: str
    sections: tuple[Section, ...]
