"""A client that leaves takes its work with it: nothing is computed for nobody."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from starlette.types import Receive

Result = TypeVar("Result")


class ClientGone(Exception):
    """The client closed the connection before its answer was complete."""


async def unless_client_leaves(receive: Receive, work: Coroutine[Any, Any, Result]) -> Result:
    """Await `work`, whose request body has been read; cancel it and raise ClientGone as soon as the client leaves.

    It runs in the caller's own task, as under `asyncio.timeout`: a task for it would cost as much as some of the work.
    """
    task = asyncio.current_task()
    assert task  # noqa: S101 - a coroutine always runs in a task
    cancels_before, has_left = task.cancelling(), False

    async def watch() -> None:
        nonlocal has_left
        while (await receive())["type"] != "http.disconnect":
            pass
        has_left = True
        task.cancel()

    watcher = asyncio.create_task(watch())
    try:
        return await work
    except asyncio.CancelledError:
        if has_left and task.uncancel() <= cancels_before:
            raise ClientGone from None
        raise
    finally:
        watcher.cancel()
