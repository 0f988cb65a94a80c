"""Derives the ids of documents, versions and chunks: equal input gives an equal id everywhere."""

import json
import re
from collections.abc import Sequence
from hashlib import sha256
from urllib.parse import quote, urlsplit
from uuid import UUID, uuid5

from app.ports import Embedder, IndexIdentity
from app.rag.chunking import CHUNKER

_CHUNKS = UUID("0d6c8f0a-7f0e-5d0c-9d1b-6a1f4b0c2e57")
_DIGEST_CHARACTERS = 32
"""128 bits of a SHA-256: enough to rule out accidental collisions."""


def is_uri(text: str) -> bool:
    """Whether it has a scheme, something after it, no white space or control characters, and no malformed host."""
    try:
        urlsplit(text)
    except ValueError:
        return False
    return re.fullmatch(r"[A-Za-z][A-Za-z0-9+.-]*:[^\s\x00-\x1f\x7f]+", text) is not None


def upload_uri(filename: str) -> str:
    """Return the source URI of an upload that gives none; the same file name means the same document."""
    return f"upload:///{quote(filename)}"


def document_id(source_uri: str) -> str:
    """Return the document's id: lower-case hexadecimal, safe in URLs. Different tenants may have equal ids."""
    return sha256(source_uri.encode()).hexdigest()[:_DIGEST_CHARACTERS]


def is_document_id(text: str) -> bool:
    """Whether `document_id` could have produced it."""
    return re.fullmatch(f"[0-9a-f]{{{_DIGEST_CHARACTERS}}}", text) is not None


def content_version(content: bytes, groups: Sequence[str] = (), tags: Sequence[str] = ()) -> str:
    """Return a version id that changes with the content, the groups and the tags, which are published together."""
    digest = sha256(content)
    if groups or tags:
        digest.update(json.dumps([len(content), sorted(groups), sorted(tags)]).encode())
    return digest.hexdigest()[:_DIGEST_CHARACTERS]


def chunk_id(tenant: str, doc_id: str, version: str, ordinal: int) -> str:
    return str(uuid5(_CHUNKS, json.dumps([tenant, doc_id, version, ordinal])))


def index_identity(embedder: Embedder) -> IndexIdentity:
    """Return the identity that an index must have to be used with this embedder and this program's chunker."""
    return IndexIdentity(
        model=embedder.model,
        dimensions=embedder.dimensions,
        query_prefix=embedder.query_prefix,
        passage_prefix=embedder.passage_prefix,
        chunker=CHUNKER,
    )
