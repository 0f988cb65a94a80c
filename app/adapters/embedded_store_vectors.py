"""One tenant's published vectors in memory, searched exactly."""

import json
import sqlite3
import threading
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.adapters import embedded_store_sql as sql
from app.ports import Matrix, Vector


@dataclass(frozen=True, slots=True, kw_only=True)
class VectorSnapshot:
    """The vectors of one generation of the database; immutable, so that any thread may search it."""

    generation: int
    row_ids: NDArray[np.int64]
    """Shape (chunks,): the id of each row of `vectors`."""
    vectors: Matrix

    def nearest(self, vector: Vector, limit: int, within: Sequence[int] | None) -> list[tuple[int, float]]:
        """Return at most `limit` pairs of row id and cosine similarity, best first; none for the zero vector.

        `within` restricts the search to these row ids; None: all.
        """
        if within is not None:
            return self._only(np.isin(self.row_ids, np.asarray(within, np.int64))).nearest(vector, limit, None)
        if not vector.any() or not len(self.row_ids):
            return []
        scores = self.vectors @ vector
        count = min(limit, len(scores))
        best = np.argpartition(-scores, count - 1)[:count]
        best = best[np.argsort(-scores[best], kind="stable")]
        return list(zip(self.row_ids[best].tolist(), scores[best].tolist(), strict=True))

    def _only(self, kept: NDArray[np.bool_]) -> "VectorSnapshot":
        return VectorSnapshot(generation=self.generation, row_ids=self.row_ids[kept], vectors=self.vectors[kept])


class PublishedVectors:
    """Keeps up with the database: each transaction gets exactly the vectors that it sees."""

    def __init__(self, dimensions: int) -> None:
        self._lock = threading.Lock()
        self._latest = VectorSnapshot(
            generation=-1, row_ids=np.empty(0, np.int64), vectors=np.empty((0, dimensions), np.float32)
        )

    def current(self, connection: sqlite3.Connection) -> VectorSnapshot:
        """Return the vectors published in the connection's open transaction, reading those not yet in memory."""
        (generation,) = connection.execute(sql.GENERATION).fetchone()
        with self._lock:
            if generation == self._latest.generation:
                return self._latest
            snapshot = _follow(self._latest, generation, connection)
            if generation > self._latest.generation:
                self._latest = snapshot
            return snapshot


def _follow(known: VectorSnapshot, generation: int, connection: sqlite3.Connection) -> VectorSnapshot:
    rows = connection.execute(sql.PUBLISHED_IDS).fetchall()
    published = np.fromiter((row_id for (row_id,) in rows), np.int64, len(rows))
    kept = np.isin(known.row_ids, published, assume_unique=True)
    added = np.sort(published[np.isin(published, known.row_ids, assume_unique=True, invert=True)])
    blobs = connection.execute(sql.VECTORS, (json.dumps(added.tolist()),))
    read = np.frombuffer(b"".join(blob for (blob,) in blobs), np.float32).reshape(len(added), known.vectors.shape[1])
    return VectorSnapshot(
        generation=generation,
        row_ids=np.concatenate([known.row_ids[kept], added]),
        vectors=np.concatenate([known.vectors[kept], read]),
    )
