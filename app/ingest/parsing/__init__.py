"""Reading text and structure out of files, by the format their name promises."""

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
"""Format of each file name suffix: the module of this package whose `parse_<format>` reads it, imported when
first needed: their libraries take a quarter of a second and 30 MB. It takes the content, raises UnreadableDocument.
"""

MAX_TITLE_CHARACTERS = 200
MAX_CHARACTERS = 20_000_000
"""Of text in one document, four times the King James Bible; more is a mistake or a bomb."""
_NOT_STORABLE = re.compile("[\x00\ud800-\udfff]")


def parse(name: str, content: bytes) -> ParsedDocument:
    """Title, else the file's own name, and non-empty sections. Raises UnreadableDocument, a sentence that says why."""
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
    """Without NULs and lone surrogates, which no index takes and some PDF files contain."""
    return _NOT_STORABLE.sub("\ufffd", text)
