"""A file as it comes in, and as text once it has been read."""

from dataclasses import dataclass

from app.rag.chunking import Section


class UnreadableDocument(Exception):
    """The file cannot be indexed; `args[0]` is a sentence for the person who sent it, saying why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceFile:
    """`revision` orders versions of one source: its time of change in nanoseconds since the epoch."""

    name: str
    content: bytes
    source_uri: str
    revision: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedDocument:
    """`title` is the document's own, or an empty string."""

    title: str
    sections: tuple[Section, ...]
