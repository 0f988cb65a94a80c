"""Prepares a document's chunks for a store, one batch at a time."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from typing import TypeVar

from app.ports import Matrix

Item = TypeVar("Item")
Row = TypeVar("Row")

BATCH = 32
"""Rows per request. A store's client serialises them on the event loop, where some take 0.7 ms for each row of 1024
numbers."""


async def batches(
    row: Callable[[Item, list[float]], Row], chunks: Sequence[Item], vectors: Matrix, size: int = BATCH
) -> AsyncGenerator[list[Row], None]:
    """Yield lists of `size` rows, each made by `row` from a chunk and its vector on another thread when requested.

    Making all rows of a long document at once would block other requests for a second or two and take some 100 MB.
    """
    for first in range(0, len(chunks), size):
        part = slice(first, first + size)
        yield await asyncio.to_thread(_rows, row, chunks[part], vectors[part])


def _rows(row: Callable[[Item, list[float]], Row], chunks: Sequence[Item], vectors: Matrix) -> list[Row]:
    return [row(chunk, vector.tolist()) for chunk, vector in zip(chunks, vectors, strict=True)]
