"""Collects the sections of a document that has headings."""

from app.ingest.document import ParsedDocument
from app.rag.chunking import Section

MAX_HEADING_CHARACTERS = 120
"""Most characters of a heading in a location; the text keeps the whole heading."""


class SectionBuilder:
    """Collects text under headings; a section's location is the path of headings above it.

    A heading directly followed by another heading shares a section with it.
    """

    def __init__(self) -> None:
        self._sections: list[Section] = []
        self._path: list[tuple[int, str]] = []
        self._text: list[str] = []
        self._has_body = False
        self._title = ""

    def heading(self, level: int, title: str, source: str) -> None:
        """Begin a section below all higher-level headings; `source` is the heading as it appears in the text."""
        title = " ".join(title.split())
        if self._has_body:
            self._close()
        self._path = [(above, name) for above, name in self._path if above < level]
        self._path.append((level, title[:MAX_HEADING_CHARACTERS]))
        self._text.append(source)
        self._title = self._title or (title if level == 1 else "")

    def add(self, text: str) -> None:
        self._text.append(text)
        self._has_body = self._has_body or bool(text.strip())

    def document(self, title: str) -> ParsedDocument:
        """Return what was collected; without a `title`, the first heading of level 1 is used."""
        self._close()
        return ParsedDocument(title=" ".join(title.split()) or self._title, sections=tuple(self._sections))

    def _close(self) -> None:
        text = "".join(self._text)
        if text.strip():
            location = " > ".join(name for _, name in self._path if name)
            self._sections.append(Section(text=text, location=location))
        self._text, self._has_body = [], False
