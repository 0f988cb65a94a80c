"""`/v1/documents`: upload, list, read and delete the documents of a tenant."""

import re
import time
from typing import Annotated

from fastapi import APIRouter, File, Form, Request, UploadFile
from starlette.status import HTTP_204_NO_CONTENT

from app.api.deps import ServiceDep, TenantDep
from app.api.problems import Problem
from app.api.schemas import Document, Documents, Ingested
from app.ingest.identity import is_uri, upload_uri
from app.ingest.pipeline import SourceFile, UnreadableDocument
from app.ports import DocumentRecord

router = APIRouter(prefix="/v1/documents", tags=["documents"])
MAX_URI_CHARS = 2048
FIELDS = ("file", "source_uri")


@router.post("")
async def upload(
    request: Request,
    service: ServiceDep,
    tenant: TenantDep,
    file: Annotated[UploadFile, File(description="Text, Markdown, HTML, PDF or DOCX.")],
    source_uri: Annotated[str | None, Form(max_length=MAX_URI_CHARS)] = None,
) -> Ingested:
    """Add a document, or a new version of the one with this source URI; by default that is its file name.

    It has no deadline of its own, since a large document takes its time; each call to the store and embedder has one.
    """
    _check_fields([name for name, _ in (await request.form()).multi_items()])
    name = re.split(r"[/\\]", file.filename or "")[-1]
    if not name:
        raise Problem(422, "The file has no name; send one, its ending tells the format.")
    uri = source_uri or upload_uri(name)
    if not is_uri(uri):
        raise Problem(422, "source_uri must be a URI with a scheme, e.g. https://example.com/handbook.md.")
    if len(uri) > MAX_URI_CHARS:
        raise Problem(422, f"The file's name makes a URI of more than {MAX_URI_CHARS} characters; shorten it.")
    content = await file.read()
    limit = service.settings.max_upload_bytes
    if len(content) > limit:
        raise Problem(413, f"The document is larger than {limit} bytes; split it or ask the operator to allow more.")
    source = SourceFile(name=name, content=content, source_uri=uri, revision=time.time_ns())
    try:
        outcome = await service.ingestor.ingest(tenant, source)
    except UnreadableDocument as error:
        raise Problem(422, str(error)) from None
    if outcome.status == "created":
        service.metrics.documents.inc()
    return Ingested(doc_id=outcome.doc_id, version=outcome.version, chunks=outcome.chunks, status=outcome.status)


@router.get("")
async def list_documents(service: ServiceDep, tenant: TenantDep) -> Documents:
    """List the tenant's documents by source URI."""
    store = service.adapters.store
    return Documents(documents=[_document(d) for d in await service.bounded(store.list_documents(tenant))])


@router.get("/{doc_id}")
async def get_document(doc_id: str, service: ServiceDep, tenant: TenantDep) -> Document:
    """Describe one document."""
    record = await service.bounded(service.adapters.store.get(tenant, doc_id))
    if record is None:
        raise _unknown()
    return _document(record)


@router.delete("/{doc_id}", status_code=HTTP_204_NO_CONTENT)
async def delete_document(doc_id: str, service: ServiceDep, tenant: TenantDep) -> None:
    """Remove a document; no older version of it can come back."""
    if not await service.bounded(service.adapters.store.delete(tenant, doc_id, time.time_ns())):
        raise _unknown()
    service.metrics.documents.dec()


def _check_fields(names: list[str]) -> None:
    """Raise a Problem for what would be left out silently: a second file, a misspelt field."""
    for name in names:
        if name not in FIELDS:
            raise Problem(422, f"There is no field {name[:80]!r}; allowed are {' and '.join(FIELDS)}.")
        if names.count(name) > 1:
            raise Problem(422, f"The field {name} was sent {names.count(name)} times; send one file in each request.")


def _document(record: DocumentRecord) -> Document:
    return Document(
        doc_id=record.doc_id,
        version=record.version,
        title=record.title,
        source_uri=record.source_uri,
        chunks=record.chunks,
        revision=record.revision,
    )


def _unknown() -> Problem:
    return Problem(404, "There is no document with this doc_id; GET /v1/documents lists them.")
