"""The embedded vector store: SQLite full-text search and exact cosine similarity inside this process, without a server.

Each tenant has a database file of its own, so that no query can reach another tenant's rows. Only one process may write
(`DataFolder`).
"""

import asyncio
import json
import sqlite3
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path
from typing import TypeVar

from app.adapters import embedded_store_sql as sql
from app.adapters.embedded_store_tenant import TenantDatabase
from app.ports import (
    EVERYTHING,
    Chunk,
    DependencyUnavailable,
    DocumentPage,
    DocumentRecord,
    DocumentVersion,
    Health,
    Hit,
    IndexIdentity,
    IndexMismatch,
    Matrix,
    Scope,
    Vector,
)
from app.rag.index_rules import require_identity, require_query_vector, require_vectors

T = TypeVar("T")
READER_THREADS = 4
MAX_OPEN_TENANTS = 64
"""Tenants whose files are open and vectors in memory: the most recently used ones. Others are reopened on demand."""


class EmbeddedStore:
    """Implements `ports.VectorStore` in `data_dir`, which it creates. Writes run one at a time, searches beside them.

    Every change is one SQLite transaction with a synchronised write-ahead log: a killed process or a power cut leaves
    the state before or after it.
    """

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        self._dimensions = 0
        self._tenants: dict[str, TenantDatabase] = {}
        """The most recently used one comes last."""
        self._tenants_lock = threading.Lock()
        self._writer = ThreadPoolExecutor(max_workers=1, thread_name_prefix="store-writer")
        self._readers = ThreadPoolExecutor(max_workers=READER_THREADS, thread_name_prefix="store-reader")

    async def open(self, identity: IndexIdentity) -> None:
        await self._run(self._writer, lambda: self._open(identity))

    async def stage(self, tenant: str, document: DocumentVersion, chunks: Sequence[Chunk], vectors: Matrix) -> None:
        require_vectors(document, vectors, len(chunks), self._dimensions)
        await self._run(self._writer, lambda: self._create(tenant).stage(document, chunks, vectors))

    async def publish(self, tenant: str, document: DocumentVersion, expected_chunks: int) -> None:
        await self._run(self._writer, lambda: self._create(tenant).publish(document, expected_chunks))

    async def delete(self, tenant: str, doc_id: str, revision: int) -> bool:
        return await self._run(self._writer, lambda: self._create(tenant).delete(doc_id, revision))

    async def get(self, tenant: str, doc_id: str) -> DocumentRecord | None:
        return await self._read(tenant, lambda index: index.get(doc_id), None)

    async def list_documents(
        self, tenant: str, limit: int, after: str = "", groups: frozenset[str] | None = None
    ) -> DocumentPage:
        return await self._read(tenant, lambda index: index.list_documents(limit, after, groups), DocumentPage())

    async def count_documents(self, tenant: str) -> int:
        return await self._read(tenant, lambda index: index.count_documents(), 0)

    async def search(self, tenant: str, text: str, vector: Vector, limit: int, scope: Scope = EVERYTHING) -> list[Hit]:
        require_query_vector(vector, self._dimensions)
        return await self._read(tenant, lambda index: index.search(text, vector, limit, scope), [])

    async def corpus_version(self, tenant: str) -> str:
        return await self._read(tenant, lambda index: index.corpus_version(), "")

    async def health(self) -> Health:
        return Health(ok=self._dimensions > 0, detail="" if self._dimensions else "The store is not open.")

    async def close(self) -> None:
        """Wait for running operations, then close every file."""
        await asyncio.to_thread(self._close)

    def _open(self, identity: IndexIdentity) -> None:
        path = self._data_dir / "index.json"
        (self._data_dir / "tenants").mkdir(parents=True, exist_ok=True)
        if not path.exists():
            draft = path.with_suffix(".draft")
            draft.write_text(json.dumps({"format": sql.FORMAT, **asdict(identity)}, indent=2), encoding="utf-8")
            draft.replace(path)
        found = json.loads(path.read_text(encoding="utf-8"))
        if found.pop("format", 1) != sql.FORMAT:
            raise IndexMismatch(
                f"The index in {self._data_dir} was laid out by another version of ragspan; "
                "ingest into another folder, or delete this one and ingest again."
            )
        require_identity(found, identity, f"The index in {self._data_dir}")
        self._dimensions = identity.dimensions

    async def _read(self, tenant: str, query: Callable[[TenantDatabase], T], absent: T) -> T:
        def run() -> T:
            index = self._find(tenant)
            return query(index) if index else absent

        return await self._run(self._readers, run)

    async def _run(self, threads: ThreadPoolExecutor, work: Callable[[], T]) -> T:
        try:
            return await asyncio.get_running_loop().run_in_executor(threads, work)
        except (sqlite3.Error, OSError, json.JSONDecodeError) as error:
            raise DependencyUnavailable("vector_store", f"The index in {self._data_dir} failed: {error}.") from error

    def _find(self, tenant: str) -> TenantDatabase | None:
        return self._create(tenant) if tenant in self._tenants or self._path(tenant).exists() else None

    def _create(self, tenant: str) -> TenantDatabase:
        with self._tenants_lock:
            index = self._tenants.pop(tenant, None) or TenantDatabase(self._path(tenant), self._dimensions)
            self._tenants[tenant] = index
            surplus = self._tenants.pop(next(iter(self._tenants))) if len(self._tenants) > MAX_OPEN_TENANTS else None
        if surplus:
            surplus.close()
        return index

    def _path(self, tenant: str) -> Path:
        return self._data_dir / "tenants" / f"{sha256(tenant.encode()).hexdigest()[:32]}.sqlite3"

    def _close(self) -> None:
        self._writer.shutdown()
        self._readers.shutdown()
        while self._tenants:
            self._tenants.popitem()[1].close()
