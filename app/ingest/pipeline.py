"""Turns a file into a published document: read, cut, embed, stage, publish."""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from typing import Literal
from weakref import WeakValueDictionary

import numpy as np

from app.ingest.document import DocumentOfOthers, ParsedDocument, SourceFile
from app.ingest.identity import chunk_id, content_version, document_id
from app.ingest.reader import Reader, is_read_apart
from app.ports import EVERYTHING, Chunk, DocumentRecord, DocumentVersion, Embedder, Scope, StaleVersion, VectorStore
from app.rag.access import may_read
from app.rag.chunking import MAX_TOKENS, cut

EMBED_BATCH = 128
"""Passages per call of the embedder."""
READER_PROCESSES = 2
"""Files that are read apart at once; threads of their own wait for them, so that text need not."""
READER_THREADS = 2
"""Files read and cut at once. Reading is pure Python work, so more threads would only take turns."""
ATTEMPTS = 3
"""Attempts at a document that others keep changing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestOutcome:
    """The outcome for a file, once its document can be searched."""

    doc_id: str
    version: str
    chunks: int
    status: Literal["created", "updated", "unchanged"]


class Ingestor:
    """Reads, cuts, embeds, stages and publishes files; any number of calls may run at once.

    Calls for the same document run one after another. Files are read in threads of its own, so that answers need not
    wait. Everything written for a tenant is written inside `changing(tenant)`.
    """

    def __init__(
        self,
        store: VectorStore,
        embedder: Embedder,
        changing: Callable[[str], AbstractContextManager[object]] = nullcontext,
    ) -> None:
        self._store = store
        self._embedder = embedder
        self._changing = changing
        self._reader = Reader()
        self._threads = ThreadPoolExecutor(max_workers=READER_THREADS, thread_name_prefix="reader")
        self._waiting = ThreadPoolExecutor(max_workers=READER_PROCESSES, thread_name_prefix="waiting-for-reader")
        self._document_locks: WeakValueDictionary[tuple[str, str], asyncio.Lock] = WeakValueDictionary()

    def close(self) -> None:
        """Stop reading files, also one that is being read."""
        for pool in (self._threads, self._waiting):
            pool.shutdown(wait=False, cancel_futures=True)
        self._reader.close()

    async def ingest(self, tenant: str, file: SourceFile, writer: Scope = EVERYTHING) -> IngestOutcome:
        """Publish the file as its source's newest version; equal content changes nothing for readers.

        Raises UnreadableDocument or DocumentOfOthers before anything is written, StaleVersion, and the errors of the
        store and the embedder.
        """
        doc_id = document_id(file.source_uri)
        lock = self._document_locks.setdefault((tenant, doc_id), asyncio.Lock())
        async with lock:
            for _ in range(ATTEMPTS):
                known = await self._store.get(tenant, doc_id)
                try:
                    outcome = await self._write(tenant, file, writer, doc_id, known)
                except StaleVersion:
                    outcome = await self._equal(tenant, file, writer, doc_id)
                    if outcome is None:
                        raise
                if outcome:
                    return outcome
        raise StaleVersion(f"{doc_id} was changed by others {ATTEMPTS} times while this version of it was read.")

    async def _write(
        self, tenant: str, file: SourceFile, writer: Scope, doc_id: str, known: DocumentRecord | None
    ) -> IngestOutcome | None:
        """Return None, with nothing published, if the document is no longer the one in `known`."""
        if known and not may_read(writer, known.groups):
            raise DocumentOfOthers
        groups, tags = _scope(file, known, writer)
        version = content_version(file.content, groups, tags)
        file = replace(file, groups=groups, tags=tags, revision=_revision(file, known))
        if known and known.version == version:
            if file.revision > known.revision:
                document = _version(file, doc_id=doc_id, version=version, title=known.title)
                with self._changing(tenant):
                    await self._store.publish(tenant, document, known.chunks)
            return IngestOutcome(doc_id=doc_id, version=version, chunks=known.chunks, status="unchanged")
        loop, pool = asyncio.get_running_loop(), self._waiting if is_read_apart(file.name) else self._threads
        parsed = await loop.run_in_executor(pool, self._reader.read, file.name, file.content)
        document = _version(file, doc_id=doc_id, version=version, title=parsed.title)
        chunks = await loop.run_in_executor(self._threads, self._cut, tenant, document, parsed)
        batches = [chunks[first : first + EMBED_BATCH] for first in range(0, len(chunks), EMBED_BATCH)]
        vectors = [await self._embedder.embed_passages([chunk.text for chunk in batch]) for batch in batches]
        with self._changing(tenant):
            await self._store.stage(tenant, document, chunks, np.concatenate(vectors))
            if _decisive(await self._store.get(tenant, doc_id)) != _decisive(known):
                return None
            await self._store.publish(tenant, document, len(chunks))
        status = "updated" if known else "created"
        return IngestOutcome(doc_id=doc_id, version=version, chunks=len(chunks), status=status)

    async def _equal(self, tenant: str, file: SourceFile, writer: Scope, doc_id: str) -> IngestOutcome | None:
        """Return the newer version in the index if it has equal content, groups and tags. Raises DocumentOfOthers."""
        now = await self._store.get(tenant, doc_id)
        if now and not may_read(writer, now.groups):
            raise DocumentOfOthers
        if now is None or now.version != content_version(file.content, *_scope(file, now, writer)):
            return None
        return IngestOutcome(doc_id=doc_id, version=now.version, chunks=now.chunks, status="unchanged")

    def _cut(self, tenant: str, document: DocumentVersion, parsed: ParsedDocument) -> list[Chunk]:
        budget = min(MAX_TOKENS, self._embedder.max_tokens) - self._embedder.overhead_tokens
        passages = cut(parsed.sections, self._embedder.token_spans, budget)
        return [
            Chunk(
                chunk_id=chunk_id(tenant, document.doc_id, document.version, ordinal),
                doc_id=document.doc_id,
                version=document.version,
                ordinal=ordinal,
                title=document.title,
                text=passage.text,
                source_uri=document.source_uri,
                location=passage.location,
            )
            for ordinal, passage in enumerate(passages)
        ]


def _scope(file: SourceFile, known: DocumentRecord | None, writer: Scope) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the new version's groups and tags: unset ones stay as they are, or are the writer's for a new one."""
    as_it_is = (known.groups, known.tags) if known else (tuple(sorted(writer.groups or ())), ())
    return (
        as_it_is[0] if file.groups is None else file.groups,
        as_it_is[1] if file.tags is None else file.tags,
    )


def _revision(file: SourceFile, known: DocumentRecord | None) -> int:
    """Return the file's revision, at most now; if the document's own is in the future, the next one after it."""
    now = time.time_ns()
    return known.revision + 1 if known and known.revision > now else min(file.revision, now)


def _decisive(record: DocumentRecord | None) -> object:
    """Return the parts of a record that decide who may replace it and what a new version inherits."""
    return record and (record.version, record.groups, record.tags)


def _version(file: SourceFile, *, doc_id: str, version: str, title: str) -> DocumentVersion:
    return DocumentVersion(
        doc_id=doc_id,
        version=version,
        revision=file.revision,
        source_uri=file.source_uri,
        title=title,
        groups=file.groups or (),
        tags=file.tags or (),
    )
