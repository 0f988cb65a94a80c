"""One answer in progress, shared by everyone who asks the same question meanwhile: all of them see it grow.

It belongs to none of them: it continues while at least one of them follows and is cancelled when the last one leaves.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

from app.ports import DependencyUnavailable
from app.rag.events import Done, Event
from app.rag.run import Run


class Flight:
    """Runs `events` in its own task, starting at once, within the deadline of the first asker's `run`."""

    def __init__(self, events: AsyncGenerator[Event, None], run: Run) -> None:
        self._run = run
        self._events: list[Event] = []
        self._error: Exception | None = None
        self._followers = 0
        self._waiting: list[asyncio.Future[None]] = []
        self.task = asyncio.create_task(self._fly(events))
        self.task.add_done_callback(lambda _task: self._wake())

    @property
    def is_abandoned(self) -> bool:
        """Whether it was cancelled, so that nobody may join it any more."""
        return self.task.cancelling() > 0

    @property
    def is_overdue(self) -> bool:
        """Whether the first asker's deadline has passed."""
        return self._run.left_s() == 0

    async def follow(self) -> AsyncGenerator[Event, None]:
        """Yield every event from the first to Done. Raises whatever computing the answer raised.

        A follower counts from the moment it requests its first event.
        """
        self._followers += 1
        place = 0
        try:
            while True:
                while place < len(self._events):
                    place += 1
                    yield self._events[place - 1]
                if self._is_complete:
                    return
                if self.task.done():
                    raise self._error or DependencyUnavailable("generator", "the answer was given up")
                self._waiting.append(waiter := asyncio.get_running_loop().create_future())
                await waiter
        finally:
            self._followers -= 1
            if self._followers == 0 and not self._is_complete:
                self.task.cancel()

    @property
    def _is_complete(self) -> bool:
        return bool(self._events) and isinstance(self._events[-1], Done)

    async def _fly(self, events: AsyncGenerator[Event, None]) -> None:
        try:
            async with aclosing(events):
                async for event in events:
                    self._events.append(event)
                    self._wake()
        except Exception as error:  # noqa: BLE001 - whatever it was, each follower raises it
            self._error = error

    def _wake(self) -> None:
        waiting, self._waiting = self._waiting, []
        for waiter in waiting:
            if not waiter.done():
                waiter.set_result(None)
