"""Cancels the work for a request as soon as its client disconnects."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from starlette.types import Receive

Result = TypeVar("Result")


class ClientGone(Exception):
    """The client closed the connection before its answer was complete."""


async def unless_client_leaves(receive: Receive, work: Coroutine[Any, Any, Result]) -> Result:
    """Await `work`; cancel it and raise ClientGone as soon as the client leaves. The body must have been read before.

    The work runs in the caller's own task, as with `asyncio.timeout`: a new task would cost as much as some of the
    work.
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
