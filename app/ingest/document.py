"""A file as it comes in, and as text once it has been read."""

from dataclasses import dataclass

from app.rag.chunking import Section


class UnreadableDocument(Exception):
    """The file cannot be indexed; `args[0]` is a sentence for the person who sent it, saying why."""


class DocumentOfOthers(Exception):
    """The source's document belongs to groups that whoever would replace it is not in; nothing was written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceFile:
    """`revision` orders versions of one source: its time of change in nanoseconds since the epoch. One
    of the future, from another clock, counts as now: nothing could replace or delete what it orders.

    `groups` and `tags` are as `ports.DocumentVersion` has them; None leaves those of the document as they are.
    """

    name: str
    content: bytes
    source_uri: str
    revision: int
    groups: tuple[str, ...] | None = None
    tags: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedDocument:
    """`title` is the document's own; a parser that finds none leaves it empty, and `parse` takes the file's name."""

    title: str
    sections: tuple[Section, ...]
