"""Reads text and structure out of files, by the format that their suffix promises."""

import re
from collections.abc import Callable
from importlib import import_module
from pathlib import PurePath

from app.ingest.document import ParsedDocument, UnreadableDocument
from app.rag.chunking import Section

PARSERS = {
    ".txt": "text",
    ".text": "text",
    ".md": "markdown",
    ".markdown": "markdown",
    ".html": "html",
    ".htm": "html",
    ".pdf": "pdf",
    ".docx": "docx",
}
"""The format of each file suffix. The module of that name has `parse_<format>`, which takes the content and may raise
UnreadableDocument. It is imported when first needed: the libraries take a quarter of a second and 30 MB."""

MAX_TITLE_CHARACTERS = 200
MAX_CHARACTERS = 20_000_000
"""Most text in one document, four times the King James Bible; more is a mistake or a decompression bomb."""
_NOT_STORABLE = re.compile("[\x00\ud800-\udfff]")


def parse(name: str, content: bytes) -> ParsedDocument:
    """Return the document's title, else its file name, and its non-empty sections. Raises UnreadableDocument."""
    suffix = PurePath(name).suffix.lower()
    if suffix not in PARSERS:
        raise UnreadableDocument(
            f"{suffix or 'No suffix'} is not a format that can be read; allowed are {', '.join(PARSERS)}."
        )
    if not content:
        raise UnreadableDocument("The file is empty.")
    document = _parser(PARSERS[suffix])(content)
    if not document.sections:
        raise UnreadableDocument("There is no text in it; scanned pages need text recognition first.")
    if (size := sum(len(section.text) for section in document.sections)) > MAX_CHARACTERS:
        raise UnreadableDocument(f"It holds {size:,} characters of text; at most {MAX_CHARACTERS:,} are read.")
    return ParsedDocument(
        title=_storable((document.title or PurePath(name).stem)[:MAX_TITLE_CHARACTERS]),
        sections=tuple(
            Section(text=_storable(section.text), location=_storable(section.location)) for section in document.sections
        ),
    )


def _parser(name: str) -> Callable[[bytes], ParsedDocument]:
    return getattr(import_module(f"{__name__}.{name}"), f"parse_{name}")


def _storable(text: str) -> str:
    """Replace NULs and lone surrogates, which no index accepts and some PDF files contain."""
    return _NOT_STORABLE.sub("\ufffd", text)
