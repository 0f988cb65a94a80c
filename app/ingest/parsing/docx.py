"""Parses Word documents (DOCX), split at their headings."""

import re
from io import BytesIO
from zipfile import BadZipFile, ZipFile

from docx import Document
from docx.table import Table

from app.ingest.document import ParsedDocument, UnreadableDocument
from app.ingest.parsing.sections import SectionBuilder

MAX_UNPACKED_BYTES = 256 * 1024 * 1024
"""Most bytes of all files in the archive together, since they are unpacked in memory."""
_HEADING_STYLE = re.compile(r"Heading ([1-9])")


def parse_docx(content: bytes) -> ParsedDocument:
    """Title: the document's property `title`, else a paragraph of style Title, else the first heading of level 1."""
    try:
        with ZipFile(BytesIO(content)) as archive:
            unpacked_bytes = sum(entry.file_size for entry in archive.infolist())
    except BadZipFile as error:
        raise UnreadableDocument("The name promises a Word document but the file is none.") from error
    if unpacked_bytes > MAX_UNPACKED_BYTES:
        raise UnreadableDocument(f"It unpacks to {unpacked_bytes:,} bytes; at most {MAX_UNPACKED_BYTES:,} are read.")
    try:
        return _read(content)
    except Exception as error:
        raise UnreadableDocument(f"The Word document is broken ({type(error).__name__}); save it again.") from error


def _read(content: bytes) -> ParsedDocument:
    word = Document(BytesIO(content))
    sections = SectionBuilder()
    for block in word.iter_inner_content():
        if isinstance(block, Table):
            sections.add(_rows(block))
        elif style := _HEADING_STYLE.fullmatch((block.style and block.style.name) or ""):
            sections.heading(int(style.group(1)), block.text, f"{block.text}\n\n")
        else:
            sections.add(f"{block.text}\n\n")
    return sections.document(title=word.core_properties.title)


def _rows(table: Table) -> str:
    return "\n".join("\t".join(cell.text for cell in row.cells) for row in table.rows) + "\n\n"
