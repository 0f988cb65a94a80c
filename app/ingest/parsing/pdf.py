"""Parses PDF files, one section per page."""

import logging
from io import BytesIO

from pypdf import PdfReader

from app.ingest.document import ParsedDocument, UnreadableDocument
from app.rag.chunking import Section

logging.getLogger("pypdf").setLevel(logging.CRITICAL)  # it logs every flaw of a file; we report the outcome


def parse_pdf(content: bytes) -> ParsedDocument:
    """Title: the document information's. Locations are `page N`, counted from 1; pages without text are left out."""
    if content.lstrip()[:5] != b"%PDF-":
        raise UnreadableDocument("The name promises a PDF but the file is none.")
    try:
        reader = PdfReader(BytesIO(content))
        locked = reader.is_encrypted and not reader.decrypt("")
        about = None if locked else reader.metadata
        title = (about.title if about else None) or ""
        texts = [] if locked else [page.extract_text() for page in reader.pages]
    except Exception as error:
        raise UnreadableDocument(f"The PDF is broken ({type(error).__name__}); save it again.") from error
    if locked:
        raise UnreadableDocument("It is encrypted; save it without a password.")
    sections = (Section(text=text, location=f"page {n}") for n, text in enumerate(texts, start=1) if text.strip())
    return ParsedDocument(title=" ".join(title.split()), sections=tuple(sections))
