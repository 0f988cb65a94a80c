"""Parses plain text, and decodes bytes for all text formats."""

import codecs

from app.ingest.document import ParsedDocument, UnreadableDocument
from app.rag.chunking import Section

_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_BINARY_FORMATS = {
    b"%PDF-": "a PDF",
    b"PK\x03\x04": "a ZIP archive or office document",
    b"\x89PNG": "a PNG image",
    b"\xff\xd8\xff": "a JPEG image",
    b"GIF8": "a GIF image",
    b"\x1f\x8b": "a gzip archive",
    b"\xd0\xcf\x11\xe0": "an old office document",
}


def parse_text(content: bytes) -> ParsedDocument:
    text = decode(content)
    return ParsedDocument(title="", sections=(Section(text=text),) if text.strip() else ())


def decode(content: bytes) -> str:
    """Decode UTF-8, or UTF-16 with a byte order mark; line ends become line feeds. Raises UnreadableDocument."""
    for start, what in _BINARY_FORMATS.items():
        if content.startswith(start):
            raise UnreadableDocument(f"The name promises text but the file is {what}.")
    encoding = next((name for mark, name in _BYTE_ORDER_MARKS if content.startswith(mark)), "utf-8")
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        raise UnreadableDocument(
            f"Byte {error.start} is not {encoding.upper().removesuffix('-SIG')}; save the file as UTF-8."
        ) from error
    if "\x00" in text:
        raise UnreadableDocument("It contains NUL characters, so it is not text; save it as UTF-8.")
    return text.replace("\r\n", "\n").replace("\r", "\n")
