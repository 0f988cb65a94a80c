"""The names by which the index knows a document, its versions and its chunks: equal input, equal name, everywhere."""

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
"""128 bits of a SHA-256: enough that no two documents or contents meet by chance."""


def is_uri(text: str) -> bool:
    """Whether it has a scheme and something after it, no white space or control character, and no broken host."""
    try:
        urlsplit(text)
    except ValueError:
        return False
    return re.fullmatch(r"[A-Za-z][A-Za-z0-9+.-]*:[^\s\x00-\x1f\x7f]+", text) is not None


def upload_uri(filename: str) -> str:
    """Source URI of an upload that names none; the same file name is the same document."""
    return f"upload:///{quote(filename)}"


def document_id(source_uri: str) -> str:
    """Lower-case hexadecimal, safe in a URL path. Documents of different tenants may share it."""
    return sha256(source_uri.encode()).hexdigest()[:_DIGEST_CHARACTERS]


def is_document_id(text: str) -> bool:
    """Whether `document_id` can have made it."""
    return re.fullmatch(f"[0-9a-f]{{{_DIGEST_CHARACTERS}}}", text) is not None


def content_version(content: bytes, groups: Sequence[str] = (), tags: Sequence[str] = ()) -> str:
    """Changes with the content, with who may read it and with its metadata: each is published as one."""
    digest = sha256(content)
    if groups or tags:
        digest.update(json.dumps([len(content), sorted(groups), sorted(tags)]).encode())
    return digest.hexdigest()[:_DIGEST_CHARACTERS]


def chunk_id(tenant: str, doc_id: str, version: str, ordinal: int) -> str:
    return str(uuid5(_CHUNKS, json.dumps([tenant, doc_id, version, ordinal])))


def index_identity(embedder: Embedder) -> IndexIdentity:
    """What an index that this embedder and this program's chunker fill must have been built with."""
    return IndexIdentity(
        model=embedder.model,
        dimensions=embedder.dimensions,
        query_prefix=embedder.query_prefix,
        passage_prefix=embedder.passage_prefix,
        chunker=CHUNKER,
    )
