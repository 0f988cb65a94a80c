"""Reading text and structure out of files, by the format their name promises."""

from pathlib import PurePath

from app.ingest.document import ParsedDocument, UnreadableDocument
from app.ingest.parsing.docx import parse_docx
from app.ingest.parsing.html import parse_html
from app.ingest.parsing.markdown import parse_markdown
from app.ingest.parsing.pdf import parse_pdf
from app.ingest.parsing.text import parse_text

PARSERS = {
    ".txt": parse_text,
    ".text": parse_text,
    ".md": parse_markdown,
    ".markdown": parse_markdown,
    ".html": parse_html,
    ".htm": parse_html,
    ".pdf": parse_pdf,
    ".docx": parse_docx,
}
"""Parser of each file name suffix. Each takes the content and raises UnreadableDocument."""

MAX_CHARACTERS = 20_000_000
"""Of text in one document, about ten times the Bible with all its translations' notes; more is a mistake or a bomb."""


def parse(name: str, content: bytes) -> ParsedDocument:
    """Title and non-empty sections of a file. Raises UnreadableDocument, a sentence with the file's name."""
    suffix = PurePath(name).suffix.lower()
    if suffix not in PARSERS:
        raise UnreadableDocument(f"{name}: {suffix or 'no suffix'} is not a format that can be read; {allowed()}.")
    if not content:
        raise UnreadableDocument(f"{name}: the file is empty.")
    try:
        document = PARSERS[suffix](content)
    except UnreadableDocument as error:
        raise UnreadableDocument(f"{name}: {error}") from error
    if not document.sections:
        raise UnreadableDocument(f"{name}: there is no text in it; scanned pages need text recognition first.")
    if (size := sum(len(section.text) for section in document.sections)) > MAX_CHARACTERS:
        raise UnreadableDocument(f"{name}: it holds {size:,} characters of text; at most {MAX_CHARACTERS:,} are read.")
    return document


def allowed() -> str:
    return f"allowed are {', '.join(PARSERS)}"
