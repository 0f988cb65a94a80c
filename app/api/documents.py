"""`/v1/documents`: upload, list, read and delete the documents of a tenant."""

import re
import time
from typing import Annotated

from fastapi import APIRouter, File, Form, Path, Query, Request, UploadFile
from pydantic import AfterValidator
from starlette.status import HTTP_204_NO_CONTENT

from app.api.cursors import BAD_CURSOR, cursor_of, read_cursor
from app.api.deps import GroupsDep, Service, ServiceDep, TenantDep
from app.api.problems import Problem, invalid
from app.api.schemas import Document, Documents, DocumentsWanted, Ingested
from app.api.upload_scope import groups_of_upload, tags_of_upload
from app.ingest.document import DocumentOfOthers, SourceFile, UnreadableDocument
from app.ingest.identity import is_document_id, is_uri, upload_uri
from app.ports import DocumentRecord, Scope, UnknownPosition
from app.rag.access import may_read, metadata_of

router = APIRouter(prefix="/v1/documents", tags=["documents"])
MAX_URI_CHARS = 2048
FIELDS = ("file", "source_uri", "groups", "metadata")


def _known_form(doc_id: str) -> str:
    """Raise a Problem for text that is no document's id, before a store is asked: some could not handle it."""
    if not is_document_id(doc_id):
        raise _unknown()
    return doc_id


DocumentId = Annotated[str, Path(description="As the upload or the list gave it."), AfterValidator(_known_form)]


@router.post("")
async def upload(
    request: Request,
    service: ServiceDep,
    tenant: TenantDep,
    caller: GroupsDep,
    file: Annotated[UploadFile, File(description="Text, Markdown, HTML, PDF or DOCX.")],
    source_uri: Annotated[str | None, Form(max_length=MAX_URI_CHARS)] = None,
    groups: Annotated[
        str | None, Form(description="Who may read it, comma-separated; * for the whole tenant; if absent, as before.")
    ] = None,
    metadata: Annotated[str | None, Form(description="A JSON object of texts; if absent, as before.")] = None,
) -> Ingested:
    """Add a document, or a new version of the one with this source URI; by default that is its file name.

    It has no deadline of its own, since a large document takes its time; each call to the store and embedder has one.
    """
    _check_fields([name for name, _ in (await request.form()).multi_items()])
    name, uri = _name_and_uri(file.filename or "", source_uri)
    content = await file.read()
    limit = service.settings.max_upload_bytes
    if len(content) > limit:
        raise Problem(413, f"The document is larger than {limit} bytes; split it or ask the operator to allow more.")
    source = SourceFile(
        name=name,
        content=content,
        source_uri=uri,
        revision=time.time_ns(),
        groups=groups_of_upload(groups, caller),
        tags=tags_of_upload(metadata),
    )
    try:
        outcome = await service.ingestor.ingest(tenant, source, Scope(groups=caller))
    except UnreadableDocument as error:
        raise Problem(422, str(error)) from None
    except DocumentOfOthers:
        raise Problem(403, "The document with this source_uri belongs to groups that your key is not in.") from None
    if outcome.status == "created":
        service.metrics.documents.inc()
    return Ingested(doc_id=outcome.doc_id, version=outcome.version, chunks=outcome.chunks, status=outcome.status)


@router.get("")
async def list_documents(
    service: ServiceDep, tenant: TenantDep, caller: GroupsDep, wanted: Annotated[DocumentsWanted, Query()]
) -> Documents:
    """List the documents that the caller may read, a page at a time.

    The order is the index's own and stays the same: a document that is there all the while comes exactly once. The last
    page is the one whose `next_cursor` is null; one before it may hold fewer documents than `limit`.
    """
    try:
        after = read_cursor(tenant, wanted.cursor) if wanted.cursor is not None else ""
        page = await service.bounded(service.adapters.store.list_documents(tenant, wanted.limit, after, caller))
    except UnknownPosition:
        raise invalid(("cursor", BAD_CURSOR)) from None
    following = None if page.next is None else cursor_of(tenant, page.next)
    return Documents(documents=[_document(record) for record in page.documents], next_cursor=following)


@router.get("/{doc_id}")
async def get_document(doc_id: DocumentId, service: ServiceDep, tenant: TenantDep, caller: GroupsDep) -> Document:
    """Describe one document."""
    record = await _found(doc_id, service, tenant, caller)
    if record is None:
        raise _unknown()
    return _document(record)


@router.delete("/{doc_id}", status_code=HTTP_204_NO_CONTENT)
async def delete_document(doc_id: DocumentId, service: ServiceDep, tenant: TenantDep, caller: GroupsDep) -> None:
    """Remove a document; no older version of it can come back. Where that failed halfway, another try ends it."""
    # A half-removed document is no longer found. An unavailable store fails here, before anything changes.
    record = await _found(doc_id, service, tenant, caller)
    revision = max(time.time_ns(), record.revision if record else 0)  # another machine's clock may be ahead
    with service.changing(tenant):
        was_there = await service.bounded(service.adapters.store.delete(tenant, doc_id, revision))
    if not was_there:
        raise _unknown()
    service.metrics.documents.dec()


def _name_and_uri(filename: str, source_uri: str | None) -> tuple[str, str]:
    name = re.split(r"[/\\]", filename)[-1]
    if not name:
        raise Problem(422, "The file has no name; send one, its ending tells the format.")
    uri = source_uri or upload_uri(name)
    if not is_uri(uri):
        raise Problem(422, "source_uri must be a URI with a scheme, e.g. https://example.com/handbook.md.")
    if len(uri) > MAX_URI_CHARS:
        raise Problem(422, f"The file's name makes a URI of more than {MAX_URI_CHARS} characters; shorten it.")
    return name, uri


async def _found(doc_id: str, service: Service, tenant: str, caller: frozenset[str] | None) -> DocumentRecord | None:
    """Return the document's record, or None. Raises a Problem if the caller may not read it."""
    record = await service.bounded(service.adapters.store.get(tenant, doc_id))
    if record is not None and not may_read(Scope(groups=caller), record.groups):
        raise _unknown()
    return record


def _check_fields(names: list[str]) -> None:
    """Raise a Problem for what would otherwise be ignored silently: a second file, a misspelt field."""
    for name in names:
        if name not in FIELDS:
            raise Problem(422, f"There is no field {name[:80]!r}; allowed are {', '.join(FIELDS)}.")
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
        groups=list(record.groups),
        metadata=metadata_of(record.tags),
    )


def _unknown() -> Problem:
    return Problem(404, "There is no document with this doc_id; GET /v1/documents lists them.")
