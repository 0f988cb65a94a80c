"""How long a dependency may take, once and again."""

import asyncio
from contextlib import closing

import pytest

from app.ports import DependencyTimeout
from app.rag.run import Run, time_left_s

PATIENCE_S = 0.2

pytestmark = pytest.mark.anyio


async def test_only_what_is_awaited_in_a_block_is_timed() -> None:
    with closing(Run(5).patience("generator", PATIENCE_S)) as patience:
        for _ in range(2):
            with patience:
                await asyncio.sleep(0)
        await asyncio.sleep(2 * PATIENCE_S)  # as a client that is slow to read
        with pytest.raises(DependencyTimeout, match=r"generator in 0\.2 s"), patience:
            await asyncio.Event().wait()


async def test_each_block_has_the_whole_time() -> None:
    with closing(Run(5).patience("generator", PATIENCE_S)) as patience:
        begun = asyncio.get_running_loop().time()
        for _ in range(4):
            with patience:
                await asyncio.sleep(0.3 * PATIENCE_S)
    assert asyncio.get_running_loop().time() - begun > PATIENCE_S


async def test_what_the_request_has_left_bounds_every_block_and_is_not_held_against_the_dependency() -> None:
    run = Run(PATIENCE_S)
    with pytest.raises(DependencyTimeout) as late:
        await run.limit(asyncio.Event().wait(), "embedder", 5)
    assert not late.value.is_to_blame
    assert time_left_s() == float("inf")


async def test_a_cancelled_block_is_not_called_late() -> None:
    async def wait() -> None:
        with closing(Run(5).patience("generator", 5)) as patience, patience:
            await asyncio.Event().wait()

    task = asyncio.create_task(wait())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
