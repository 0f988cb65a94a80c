"""Who ends the work: the client that leaves, or whoever cancels the request."""

import asyncio

import pytest
from starlette.types import Message

from app.api.disconnect import ClientGone, unless_client_leaves

pytestmark = pytest.mark.anyio


class Client:
    """Sends nothing until it leaves."""

    def __init__(self) -> None:
        self.leaves = asyncio.Event()

    async def receive(self) -> Message:
        await self.leaves.wait()
        return {"type": "http.disconnect"}


async def never(cancelled: asyncio.Event) -> None:
    try:
        await asyncio.Event().wait()
    finally:
        cancelled.set()


async def test_work_is_cancelled_when_the_client_leaves_and_what_comes_after_it_goes_on() -> None:
    client, cancelled = Client(), asyncio.Event()
    asyncio.get_running_loop().call_soon(client.leaves.set)
    with pytest.raises(ClientGone):
        await unless_client_leaves(client.receive, never(cancelled))
    assert cancelled.is_set()
    await asyncio.sleep(0)  # the task itself is not cancelled
    async with asyncio.timeout(5):
        assert await unless_client_leaves(Client().receive, asyncio.sleep(0, "done")) == "done"


async def test_a_request_that_is_cancelled_from_elsewhere_is_no_client_that_left() -> None:
    client, cancelled = Client(), asyncio.Event()
    task = asyncio.create_task(unless_client_leaves(client.receive, never(cancelled)))
    await asyncio.sleep(0)
    task.cancel()
    client.leaves.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert cancelled.is_set()


async def test_nothing_of_it_stays_behind() -> None:
    before = asyncio.all_tasks()
    with pytest.raises(ZeroDivisionError):
        await unless_client_leaves(Client().receive, asyncio.to_thread(lambda: 1 // 0))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == before
