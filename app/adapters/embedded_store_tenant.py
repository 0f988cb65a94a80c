"""One tenant's database in the embedded store: documents, chunks, full-text index and vectors in one SQLite file."""

import json
import sqlite3
import threading
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import astuple, fields
from pathlib import Path

import numpy as np

from app.adapters import embedded_store_sql as sql
from app.adapters.embedded_store_vectors import PublishedVectors
from app.ports import (
    EVERYTHING,
    Chunk,
    DocumentPage,
    DocumentRecord,
    DocumentVersion,
    Hit,
    Matrix,
    Scope,
    Vector,
)
from app.rag.fusion import LEG_LIMIT, query_words, relative_score
from app.rag.index_rules import is_the_same, page_by_id, refuse_stale, refuse_stale_delete, require_staged

BUSY_TIMEOUT_S = 10
MAX_IDLE = 2
"""Connections kept open for reuse: one for writing, one for reading."""
TITLE_WEIGHT = 4
"""Weight of a word in a title compared with one in the passage; docs/decisions/hybrid-fusion.md has the figures."""


class TenantDatabase:
    """Safe to use from several threads; raises sqlite3.Error if the file cannot be used."""

    def __init__(self, path: Path, dimensions: int) -> None:
        self._path = path
        self._vectors = PublishedVectors(dimensions)
        self._idle: list[sqlite3.Connection] = []
        self._is_closed = False
        self._lock = threading.Lock()
        with self._connection() as connection:
            if not _is_laid_out(connection):
                connection.executescript(sql.SCHEMA)

    def stage(self, document: DocumentVersion, chunks: Sequence[Chunk], vectors: Matrix) -> None:
        rows = [
            (*astuple(chunk), document.revision, vector.tobytes())
            for chunk, vector in zip(chunks, vectors.astype(np.float32), strict=True)
        ]
        with self._transaction("IMMEDIATE") as connection:
            _refuse_stale(connection, document)
            connection.execute(sql.FORGET_STAGED, (document.doc_id, document.version))
            connection.executemany(sql.STAGE, rows)

    def publish(self, document: DocumentVersion, expected_chunks: int) -> None:
        key = (document.doc_id, document.version)
        with self._transaction("IMMEDIATE") as connection:
            _refuse_stale(connection, document)
            (staged,) = connection.execute(sql.COUNT_STAGED, key).fetchone()
            require_staged(document, staged, expected_chunks)
            published = connection.execute(sql.DOCUMENT, (document.doc_id,)).fetchone()
            connection.execute(sql.REMOVE_KEYWORDS, (document.doc_id,))
            connection.execute(sql.REMOVE_OTHER_VERSIONS, (*key, document.revision))
            connection.execute(sql.SHOW_VERSION, key)
            connection.execute(sql.ADD_KEYWORDS, (document.doc_id,))
            record = (*key, document.revision, document.source_uri, document.title, expected_chunks, 0)
            connection.execute(sql.SET_DOCUMENT, (*record, json.dumps(document.groups), json.dumps(document.tags)))
            if not is_the_same(document, expected_chunks, _record(published) if published else None):
                connection.execute(sql.NEXT_GENERATION)

    def delete(self, doc_id: str, revision: int) -> bool:
        with self._transaction("IMMEDIATE") as connection:
            found = connection.execute(sql.STATE_OF_DOCUMENT, (doc_id,)).fetchone()
            if found:
                refuse_stale_delete(doc_id, revision, found[0])
            connection.execute(sql.REMOVE_KEYWORDS, (doc_id,))
            connection.execute(sql.REMOVE_ALL_VERSIONS, (doc_id, revision))
            connection.execute(sql.SET_DOCUMENT, (doc_id, "", revision, "", "", 0, 1, "[]", "[]"))
            if found:
                connection.execute(sql.NEXT_GENERATION)
            return bool(found and not found[1])

    def get(self, doc_id: str) -> DocumentRecord | None:
        with self._connection() as connection:
            row = connection.execute(sql.DOCUMENT, (doc_id,)).fetchone()
            return _record(row) if row else None

    def list_documents(self, limit: int, after: str, groups: frozenset[str] | None) -> DocumentPage:
        condition = "" if groups is None else sql.OPEN_OR_OF_GROUP
        readers = [] if groups is None else [json.dumps(sorted(groups))]
        with self._connection() as connection:
            statement = sql.DOCUMENTS.format(condition=condition)
            rows = connection.execute(statement, (after, *readers, limit + 1)).fetchall()
        return page_by_id([_record(row) for row in rows], limit)

    def count_documents(self) -> int:
        with self._connection() as connection:
            return connection.execute(sql.COUNT_DOCUMENTS).fetchone()[0]

    def search(self, text: str, vector: Vector, limit: int, scope: Scope) -> list[Hit]:
        """Read both legs and the passages from one snapshot of the database."""
        with self._transaction("DEFERRED") as connection:
            vectors = self._vectors.current(connection)
            candidates = max(LEG_LIMIT, limit)
            within = None if scope == EVERYTHING else _ids_in(connection, scope)
            ranked = relative_score(
                _keyword_leg(connection, text, candidates, within), vectors.nearest(vector, candidates, within)
            )
            return [Hit(chunk=_chunk(connection, row_id), score=score) for row_id, score in ranked[:limit]]

    def corpus_version(self) -> str:
        with self._connection() as connection:
            return connection.execute(sql.CORPUS_VERSION).fetchone()[0]

    def close(self) -> None:
        """Close idle connections now, and those in use as soon as they are returned."""
        with self._lock:
            self._is_closed, idle, self._idle = True, self._idle, []
        for connection in idle:
            connection.close()

    @contextmanager
    def _transaction(self, mode: str) -> Generator[sqlite3.Connection]:
        with self._connection() as connection:
            connection.execute(f"BEGIN {mode}")
            try:
                yield connection
                connection.execute("COMMIT")
            finally:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")

    @contextmanager
    def _connection(self) -> Generator[sqlite3.Connection]:
        """Yield a connection that no other thread uses meanwhile."""
        with self._lock:
            connection = self._idle.pop() if self._idle else None
        if connection is None:
            connection = sqlite3.connect(
                self._path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False
            )
            connection.execute("PRAGMA synchronous = FULL")
        try:
            yield connection
        finally:
            with self._lock:
                is_kept = not self._is_closed and len(self._idle) < MAX_IDLE
                if is_kept:
                    self._idle.append(connection)
            if not is_kept:
                connection.close()


def _is_laid_out(connection: sqlite3.Connection) -> bool:
    """Whether the last statement of the schema has been executed; this check waits for no writer."""
    has_last_table = connection.execute(sql.HAS_ORIGIN).fetchone() is not None
    return has_last_table and connection.execute(sql.CORPUS_VERSION).fetchone() is not None


def _ids_in(connection: sqlite3.Connection, scope: Scope) -> list[int]:
    """Return the row ids of published chunks whose documents are in the scope."""
    conditions = [] if scope.groups is None else [(sql.OPEN_OR_OF_GROUP, scope.groups)]
    conditions += [(sql.HAS_TAG, tags) for tags in scope.tags]
    statement = sql.SCOPED_IDS.format(conditions=" ".join(condition for condition, _ in conditions))
    rows = connection.execute(statement, [json.dumps(sorted(names)) for _, names in conditions])
    return [row_id for (row_id,) in rows]


def _keyword_leg(
    connection: sqlite3.Connection, text: str, limit: int, within: list[int] | None
) -> list[tuple[int, float]]:
    """Return chunks that contain any of the words, by BM25. Words are quoted, so that users cannot inject operators."""
    expression = " OR ".join(f'"{word}"' for word in query_words(text))
    if not expression:
        return []
    if within is None:
        return connection.execute(sql.KEYWORD_LEG.format(scope=""), (TITLE_WEIGHT, expression, limit)).fetchall()
    statement = sql.KEYWORD_LEG.format(scope=sql.IN_SCOPE)
    return connection.execute(statement, (TITLE_WEIGHT, expression, json.dumps(within), limit)).fetchall()


def _refuse_stale(connection: sqlite3.Connection, document: DocumentVersion) -> None:
    if found := connection.execute(sql.STATE_OF_DOCUMENT, (document.doc_id,)).fetchone():
        revision, deleted = found
        refuse_stale(document, revision, deleted=bool(deleted))


def _record(row: tuple[str, str, int, str, str, int, str, str]) -> DocumentRecord:
    doc_id, version, revision, source_uri, title, chunks, groups, tags = row
    return DocumentRecord(
        doc_id=doc_id,
        version=version,
        revision=revision,
        source_uri=source_uri,
        title=title,
        chunks=chunks,
        groups=tuple(json.loads(groups)),
        tags=tuple(json.loads(tags)),
    )


def _chunk(connection: sqlite3.Connection, row_id: int) -> Chunk:
    names = (field.name for field in fields(Chunk))  # the order of the columns of STAGE and CHUNK
    return Chunk(**dict(zip(names, connection.execute(sql.CHUNK, (row_id,)).fetchone(), strict=True)))
