"""Collecting the sections of a document with headings."""

from app.ingest.document import ParsedDocument
from app.rag.chunking import Section

MAX_HEADING_CHARACTERS = 120
"""Of one heading in a location; the text keeps the whole."""


class SectionBuilder:
    """Gathers text under headings; a section's location is the path of headings above it.

    A heading that nothing but another heading follows shares a section with that one.
    """

    def __init__(self) -> None:
        self._sections: list[Section] = []
        self._path: list[tuple[int, str]] = []
        self._text: list[str] = []
        self._has_body = False
        self._title = ""

    def heading(self, level: int, title: str, source: str) -> None:
        """Begin a section below every heading of a smaller level; `source` is the heading as the text shows it."""
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
        """What was gathered; without a `title`, the first heading of level 1 is it."""
        self._close()
        return ParsedDocument(title=" ".join(title.split()) or self._title, sections=tuple(self._sections))

    def _close(self) -> None:
        text = "".join(self._text)
        if text.strip():
            location = " > ".join(name for _, name in self._path if name)
            self._sections.append(Section(text=text, location=location))
        self._text, self._has_body = [], False
