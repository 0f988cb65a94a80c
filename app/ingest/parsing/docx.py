"""Parses Word documents (DOCX), split at their headings."""

import re
from io import BytesIO
from zipfile import BadZipFile, ZipFile

from docx import Document
from docx.oxml.table import CT_Tbl
from docx.oxml.text.paragraph import CT_P

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
    """Read the elements: python-docx looks each style up among all, and gives a cell for each column."""
    word = Document(BytesIO(content))
    styles = {style.style_id: style.name or "" for style in word.styles}
    sections = SectionBuilder()
    blocks: list[CT_P | CT_Tbl] = word.element.xpath("w:body/w:p | w:body/w:tbl")
    for block in blocks:
        if isinstance(block, CT_Tbl):
            sections.add(_rows(block))
        elif style := _HEADING_STYLE.fullmatch(styles.get(block.style or "", "")):
            sections.heading(int(style.group(1)), block.text, f"{block.text}\n\n")
        else:
            sections.add(f"{block.text}\n\n")
    return sections.document(title=word.core_properties.title)


def _rows(table: CT_Tbl) -> str:
    """A cell that goes on with the one above says the same; one that is wide says it once."""
    lines: list[str] = []
    above: dict[int, str] = {}
    for row in table.tr_lst:
        column, texts = row.grid_before, list[str]()
        for cell in row.tc_lst:
            goes_on = cell.vMerge == "continue"
            texts.append(above.get(column, "") if goes_on else "\n".join(paragraph.text for paragraph in cell.p_lst))
            above[column] = texts[-1]
            column += cell.grid_span
        lines.append("\t".join(texts))
    return "\n".join(lines) + "\n\n"
