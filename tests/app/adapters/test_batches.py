"""Rows are made a batch at a time, when they are asked for, and not on the event loop's thread."""

import threading

import numpy as np
import pytest

from app.adapters.batches import batches

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def test_no_more_than_one_batch_is_made_ahead_and_none_on_the_event_loop() -> None:
    made: list[str] = []
    threads: set[int] = set()

    def row(chunk: str, vector: list[float]) -> tuple[str, list[float]]:
        made.append(chunk)
        threads.add(threading.get_ident())
        return chunk, vector

    chunks, vectors = list("abcde"), np.arange(10, dtype=np.float32).reshape(5, 2)
    found: list[list[tuple[str, list[float]]]] = []
    async for rows in batches(row, chunks, vectors, 2):
        found.append(rows)
        assert len(made) == sum(map(len, found))
    assert [len(rows) for rows in found] == [2, 2, 1]
    assert [row for rows in found for row in rows] == list(zip(chunks, vectors.tolist(), strict=True))
    assert threading.get_ident() not in threads


async def test_each_chunk_has_a_vector() -> None:
    with pytest.raises(ValueError, match="zip"):
        await anext(batches(lambda chunk, _: chunk, ["a", "b"], np.ones((1, 2), np.float32)))
