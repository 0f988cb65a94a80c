"""Admission control: a fixed number of questions is answered at once, a few more wait, the rest is told to come back.

Turning a question away costs almost nothing, so that under any load the admitted ones are answered as if there were no
others.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable
from typing import Literal

from fastapi import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from app.api.problems import Problem
from app.telemetry.metrics import Metrics

QUESTION_PATHS = frozenset({"/query", "/v1/query", "/v1/retrieve", "/v1/chat/completions"})
MAX_WAIT_S = 0.005
"""Long enough for questions that arrive together while answers are short; a refusal must come within 20 ms."""
RETRY_AFTER_S = 1


class Admission:
    """Places for `places` questions at once and a queue for `queue` more, per replica."""

    def __init__(self, places: int, queue: int, metrics: Metrics) -> None:
        self._places, self._queue = asyncio.Semaphore(places), queue
        self._waiting = 0
        self._shed = metrics.shed
        metrics.waiting_queries.set_function(lambda: self._waiting)

    @property
    def is_full(self) -> bool:
        return self._places.locked() and self._waiting >= self._queue

    async def enter(self) -> None:
        """Take a place, which `leave` gives back. Raises a Problem if none is free or becomes free in time."""
        if self.is_full:
            raise self.turned_away("queue_full")
        if self._places.locked():
            await self._wait()
        else:
            await self._places.acquire()  # does not wait

    def leave(self) -> None:
        self._places.release()

    async def _wait(self) -> None:
        self._waiting += 1
        try:
            async with asyncio.timeout(MAX_WAIT_S):
                await self._places.acquire()
        except TimeoutError:
            raise self.turned_away("queue_timeout") from None
        finally:
            self._waiting -= 1

    def turned_away(self, reason: Literal["queue_full", "queue_timeout"]) -> Problem:
        """Count a refused question and return the Problem for its client."""
        self._shed.labels(reason).inc()
        detail = f"The service answers as many questions as it can; ask again in {RETRY_AFTER_S} s."
        return Problem(429, detail, headers={"Retry-After": str(RETRY_AFTER_S)})


async def admitted(request: Request) -> AsyncGenerator[None, None]:
    """Hold a place from when the request has been read until its answer has been sent. For use with `Depends`."""
    admission: Admission = request.app.state.admission
    await admission.enter()
    try:
        yield
    finally:
        admission.leave()


class TurnAway:
    """ASGI middleware: answers 429 to a question that finds no place, before its body is read."""

    def __init__(self, app: ASGIApp, admission: Admission) -> None:
        self.app, self._admission = app, admission

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if scope["type"] == "http" and self._admission.is_full and scope["path"] in QUESTION_PATHS:
            return self._admission.turned_away("queue_full").response()(scope, receive, send)
        return self.app(scope, receive, send)
