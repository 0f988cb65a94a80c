"""Rules that every vector store enforces identically: what may be written, replaced, deleted and searched for."""

from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import cast

import numpy as np

from app.ports import (
    DependencyUnavailable,
    DocumentPage,
    DocumentRecord,
    DocumentVersion,
    IndexIdentity,
    IndexMismatch,
    Matrix,
    ServiceError,
    StaleVersion,
    Vector,
)


def require_identity(found: object, wanted: IndexIdentity, place: str) -> None:
    """Raise IndexMismatch, which names what differs, unless the index at `place` was built with the wanted identity."""
    here = asdict(wanted)
    if found == here:
        return
    there = cast("dict[str, object]", found) if isinstance(found, dict) else dict[str, object]()
    built, uses = (
        ", ".join(f"{key} {of.get(key)!r}" for key in {**here, **there} if there.get(key) != here.get(key))
        for of in (there, here)
    )
    raise IndexMismatch(
        f"{place} was built with {built}, this program uses {uses}; "
        "ingest into another index, or go back to the settings that this one was built with."
    )


def require_vectors(document: DocumentVersion, vectors: Matrix, chunks: int, dimensions: int) -> None:
    """Raise ServiceError unless there is one finite vector of the right length for each chunk."""
    if vectors.shape != (chunks, dimensions) or not np.isfinite(vectors).all():
        raise ServiceError(
            f"{document.doc_id}: the embedder gave vectors of shape {vectors.shape} for {chunks} chunks; "
            f"this index needs {dimensions} finite numbers for each."
        )


def require_query_vector(vector: Vector, dimensions: int) -> None:
    """Raise ServiceError unless the question's vector can be compared with those of the index."""
    if vector.shape != (dimensions,) or not np.isfinite(vector).all():
        raise ServiceError(
            f"The embedder gave a vector of shape {vector.shape} for the question; "
            f"this index needs {dimensions} finite numbers."
        )


def require_staged(document: DocumentVersion, staged: int, expected: int) -> None:
    """Raise DependencyUnavailable unless all chunks of the version are staged; a lagging replica may be the reason."""
    if staged != expected:
        raise DependencyUnavailable(
            "vector_store",
            f"{document.doc_id}: {staged} of {expected} chunks of version {document.version} are staged; "
            "ingest the document again.",
            is_to_blame=False,
        )


def is_the_same(document: DocumentVersion, chunks: int, published: DocumentRecord | None) -> bool:
    """Whether publishing would change nothing for readers, i.e. only the revision differs from what is published."""
    if published is None:
        return False
    return DocumentRecord(**asdict(replace(document, revision=published.revision)), chunks=chunks) == published


def refuse_stale(document: DocumentVersion, revision: int, *, deleted: bool) -> None:
    """Raise StaleVersion if the index has a newer `revision`, or a tombstone that is not older."""
    if revision > document.revision or (deleted and revision == document.revision):
        what = "was deleted at" if deleted else "is in the index with"
        raise StaleVersion(f"{document.doc_id} {what} revision {revision}; this one has {document.revision}.")


def refuse_stale_delete(doc_id: str, revision: int, found: int) -> None:
    """Raise StaleVersion if the index has a newer revision than the delete."""
    if found > revision:
        raise StaleVersion(f"{doc_id}: revision {found} is newer than this delete at {revision}.")


def page_by_id(records: Sequence[DocumentRecord], limit: int) -> DocumentPage:
    """Return the first `limit` of records sorted by document id; one record more means that there is a next page."""
    shown = tuple(records[:limit])
    return DocumentPage(documents=shown, next=shown[-1].doc_id if len(records) > limit else None)
