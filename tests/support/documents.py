"""Small real files of each format, made in memory."""

import io
import zipfile
import zlib

from docx import Document
from pypdf import PdfReader, PdfWriter
from pypdf.generic import NameObject, StreamObject


def pdf(*pages: str) -> bytes:
    """A PDF with one line of ASCII text a page."""
    writer = PdfWriter()
    for text in pages:
        writer.append(PdfReader(io.BytesIO(_page(text))))
    return _bytes_of(writer)


def encrypted_pdf(text: str, password: str) -> bytes:
    writer = PdfWriter(clone_from=io.BytesIO(pdf(text)))
    writer.encrypt(password, owner_password="owner", algorithm="AES-256")
    return _bytes_of(writer)


def blank_pdf() -> bytes:
    """What a scan without text recognition amounts to: a page on which no text is drawn."""
    writer = PdfWriter()
    writer.add_blank_page(200, 200)
    return _bytes_of(writer)


def docx(
    *paragraphs: tuple[str, str],
    table: tuple[tuple[str, ...], ...] = (),
    merged: tuple[tuple[int, int, int, int], ...] = (),
) -> bytes:
    """A Word document of `(style, text)` paragraphs, e.g. `("Heading 1", "Title")`, and a table at its end.

    Of the table the cells from one row and column to another are `merged`.
    """
    word = Document()
    for style, text in paragraphs:
        word.add_paragraph(text, style=style)
    if table:
        grid = word.add_table(len(table), len(table[0]))
        for row, texts in zip(grid.rows, table, strict=True):
            for cell, text in zip(row.cells, texts, strict=True):
                cell.text = text
        for top, left, bottom, right in merged:
            whole = grid.cell(top, left).merge(grid.cell(bottom, right))
            whole.text = table[top][left]
    file = io.BytesIO()
    word.save(file)
    return file.getvalue()


def with_columns(docx: bytes, columns: int) -> bytes:
    """Return a Word document whose cells of two columns claim to have so many."""
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(docx)) as found, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as made:
        for name in found.namelist():
            made.writestr(name, found.read(name).replace(b'gridSpan w:val="2"', b'gridSpan w:val="%d"' % columns))
    return file.getvalue()


def zip_bomb(unpacked_bytes: int) -> bytes:
    """A ZIP archive named like a Word document's parts, of zeros that unpack to so many bytes."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("word/document.xml", "w") as entry:
        for _ in range(unpacked_bytes // 2**20):
            entry.write(bytes(2**20))
    return file.getvalue()


def pdf_bomb(unpacked_bytes: int) -> bytes:
    """A PDF whose page is drawn by a stream of blanks that unpacks to so many bytes."""
    writer = PdfWriter()
    writer.add_blank_page(200, 200)
    packer = zlib.compressobj(1)
    stream = StreamObject()
    stream[NameObject("/Filter")] = NameObject("/FlateDecode")
    blanks = b" " * 2**20
    stream.set_data(b"".join(packer.compress(blanks) for _ in range(unpacked_bytes // 2**20)) + packer.flush())
    writer.pages[0][NameObject("/Contents")] = stream
    return _bytes_of(writer)


def _page(text: str) -> bytes:
    escaped = text.replace("\\", "\\\\").replace("(", "\\(").replace(")", "\\)")
    content = f"BT /F1 12 Tf 20 100 Td ({escaped}) Tj ET"
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 400 200] /Contents 4 0 R /Resources "
        "<< /Font << /F1 5 0 R >> >> >>",
        f"<< /Length {len(content)} >>\nstream\n{content}\nendstream",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
    ]
    file = b"%PDF-1.4\n"
    offsets: list[int] = []
    for number, body in enumerate(objects, start=1):
        offsets.append(len(file))
        file += f"{number} 0 obj\n{body}\nendobj\n".encode()
    table = "".join(f"{offset:010d} 00000 n \n" for offset in offsets)
    head = f"xref\n0 6\n0000000000 65535 f \n{table}trailer\n<< /Size 6 /Root 1 0 R >>\n"
    return file + f"{head}startxref\n{len(file)}\n%%EOF\n".encode()


def _bytes_of(writer: PdfWriter) -> bytes:
    file = io.BytesIO()
    writer.write(file)
    return file.getvalue()
