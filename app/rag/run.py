"""One request's run through the stages: its deadline, its timings, and what it had to do without."""

import asyncio
import time
from collections.abc import Awaitable, Coroutine
from contextvars import ContextVar
from dataclasses import dataclass, field
from types import TracebackType
from typing import Literal, Self, TypeAlias, TypeVar

from app.ports import DependencyTimeout
from app.rag.breaker import Breakers
from app.rag.trace import StageNote, Trace, current

Result = TypeVar("Result")
Stage: TypeAlias = Literal[
    "cache", "rewrite", "embed", "search", "rerank", "first_token", "generate", "stream", "quality", "total"
]
"""`first_token` counts from the request, `stream` from the first token to the last, the others from their own start."""

_deadline: ContextVar[float] = ContextVar("deadline", default=float("inf"))


def time_left_s() -> float:
    """Seconds that the call under way may still take: an adapter begins nothing, such as a retry, that outlasts it."""
    return max(0.0, _deadline.get() - time.monotonic())


@dataclass(slots=True)
class Run:
    """Times the stages of one request and holds its deadline, on the clock of the event loop."""

    total_s: float
    breakers: Breakers = field(default_factory=Breakers)
    started: float = field(default_factory=time.monotonic)
    timings_ms: dict[Stage, float] = field(default_factory=dict[Stage, float])
    degraded: list[str] = field(default_factory=list[str])
    """Optional dependencies that were not there for this request, by role."""
    trace: Trace | None = field(default_factory=current.get)

    def stage(self, stage: Stage) -> "StageTimer":
        """Time the block as a stage."""
        return StageTimer(self, stage)

    def record(self, stage: Stage, since: float) -> None:
        self.timings_ms[stage] = round((time.monotonic() - since) * 1000, 2)

    def left_s(self) -> float:
        return max(0.0, self.started + self.total_s - time.monotonic())

    async def limit(self, awaitable: Awaitable[Result], dependency: str, seconds: float) -> Result:
        """Await a call of a dependency within `seconds` and what is left of the total, unless its breaker is open.

        Raises DependencyUnavailable or DependencyTimeout.
        """
        try:
            with self.breakers.watching(dependency):
                return await self.wait(awaitable, dependency, seconds)
        finally:
            if isinstance(awaitable, Coroutine):
                awaitable.close()  # of no effect on one that ran

    async def wait(self, awaitable: Awaitable[Result], dependency: str, seconds: float) -> Result:
        """Await more of a call that `limit` began, within the same times. Raises DependencyTimeout."""
        allowed = min(seconds, self.left_s())
        token = _deadline.set(time.monotonic() + allowed)
        try:
            with _Timeout(allowed):
                return await awaitable
        except TimeoutError:
            message = f"no answer from the {dependency} in {allowed:.1f} s"
            raise DependencyTimeout(dependency, message, is_to_blame=allowed >= seconds / 2) from None
        finally:
            _deadline.reset(token)


class _Timeout:
    """`asyncio.timeout` without what is not needed here: it would be a twentieth of what a question costs."""

    __slots__ = ("_cancels_before", "_has_expired", "_seconds", "_task", "_timer")

    def __init__(self, seconds: float) -> None:
        self._seconds, self._has_expired = seconds, False

    def __enter__(self) -> None:
        task = asyncio.current_task()
        assert task  # noqa: S101 - no coroutine runs without
        self._task, self._cancels_before = task, task.cancelling()
        self._timer = task.get_loop().call_later(self._seconds, self._expire)

    def _expire(self) -> None:
        self._has_expired = True
        self._task.cancel()

    def __exit__(
        self, kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._timer.cancel()
        if self._has_expired and self._task.uncancel() <= self._cancels_before and kind is asyncio.CancelledError:
            raise TimeoutError


class StageTimer:
    """Records a stage when its block, or before that `end`, ends it; whether well or not."""

    __slots__ = ("_first_token", "_has_ended", "_note", "_run", "_since", "_stage")

    def __init__(self, run: Run, stage: Stage) -> None:
        self._run = run
        self._stage: Stage = stage
        self._first_token: float | None = None
        self._has_ended = False

    def __enter__(self) -> Self:
        self._since = time.monotonic()
        trace = self._run.trace
        self._note: StageNote | None = trace.begin(self._stage, self._since) if trace and trace.sampled else None
        return self

    def first_token(self) -> None:
        """Record that the first token is there."""
        self._first_token = time.monotonic()
        self._run.record("first_token", self._run.started)
        if self._note:
            self._note.first_token = self._first_token

    def end(self, error: str | None = None) -> None:
        self._has_ended = True
        self._run.record(self._stage, self._since)
        if self._first_token is not None:
            self._run.record("stream", self._first_token)
        if self._note and self._run.trace:
            self._run.trace.finish(self._note, time.monotonic(), error)

    def __exit__(
        self, kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        if not self._has_ended:
            self.end(_name(kind) if kind else None)


def _name(kind: type[BaseException]) -> str:
    return kind.__name__ if issubclass(kind, Exception) else "cancelled"
