"""One request on its way through the stages: its deadline, its timings, and which optional parts it did without."""

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

NEVER = float("inf")
_deadline: ContextVar[float] = ContextVar("deadline", default=NEVER)


def time_left_s() -> float:
    """Seconds left for the current call. An adapter starts nothing, such as a retry, that would outlast it."""
    return max(0.0, _deadline.get() - time.monotonic())


@dataclass(slots=True)
class Run:
    """Times the stages of one request and holds its deadline, both on the event loop's clock."""

    total_s: float
    breakers: Breakers = field(default_factory=Breakers)
    started: float = field(default_factory=time.monotonic)
    timings_ms: dict[Stage, float] = field(default_factory=dict[Stage, float])
    degraded: list[str] = field(default_factory=list[str])
    """Optional dependencies that were unavailable for this request, by role."""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    """Tokens used besides the answer, e.g. for rewriting, that no `Done` has reported yet."""
    trace: Trace | None = field(default_factory=current.get)

    def stage(self, stage: Stage) -> "StageTimer":
        """Time the block as one stage."""
        return StageTimer(self, stage)

    def record(self, stage: Stage, since: float) -> None:
        self.timings_ms[stage] = round((time.monotonic() - since) * 1000, 2)

    def with_tokens_beside(self, prompt: int | None, completion: int | None) -> tuple[int | None, int | None]:
        """Return a `Done`'s token counts plus those used besides the answer; None where the server reports none."""
        total = (
            prompt if prompt is None else prompt + self.prompt_tokens,
            completion if completion is None else completion + self.completion_tokens,
        )
        self.prompt_tokens = self.completion_tokens = 0
        return total

    def left_s(self) -> float:
        return max(0.0, self.started + self.total_s - time.monotonic())

    async def limit(self, awaitable: Awaitable[Result], dependency: str, seconds: float) -> Result:
        """Await a call to a dependency within `seconds` and the time left in total, unless its breaker is open.

        Raises DependencyUnavailable or DependencyTimeout.
        """
        patience = self.patience(dependency, seconds)
        token = _deadline.set(time.monotonic() + patience.allowed_s())
        try:
            with self.breakers.watching(dependency), patience:
                return await awaitable
        finally:
            _deadline.reset(token)
            patience.close()
            if isinstance(awaitable, Coroutine):
                awaitable.close()  # has no effect if it was awaited

    def patience(self, dependency: str, seconds: float) -> "Patience":
        """Bound each wait for a dependency, such as for the next piece of a stream, by `seconds` and the time left."""
        return Patience(self, dependency, seconds)


class Patience:
    """Bounds blocks that await a dependency; reusable for one block after another. Close it after the last. Raises
    DependencyTimeout.

    `asyncio.timeout` would create and cancel a timer for every block. Here one timer is kept and re-armed if it fires
    early.
    """

    __slots__ = (
        "_cancels_before",
        "_dependency",
        "_due",
        "_has_expired",
        "_run",
        "_seconds",
        "_task",
        "_timer",
        "_wait_s",
    )

    def __init__(self, run: Run, dependency: str, seconds: float) -> None:
        self._run, self._dependency, self._seconds = run, dependency, seconds
        self._timer: asyncio.TimerHandle | None = None
        self._due, self._has_expired = NEVER, False

    def allowed_s(self) -> float:
        return min(self._seconds, self._run.left_s())

    def __enter__(self) -> None:
        task = asyncio.current_task()
        assert task  # noqa: S101 - a coroutine always runs in a task
        self._task, self._cancels_before, self._wait_s = task, task.cancelling(), self.allowed_s()
        self._due = time.monotonic() + self._wait_s
        if self._timer is None:
            self._timer = task.get_loop().call_later(self._wait_s, self._look)

    def _look(self) -> None:
        """Cancel the current block if its time is up; otherwise re-arm the timer for it."""
        self._timer, left_s = None, self._due - time.monotonic()
        if left_s <= 0:
            self._has_expired = True
            self._task.cancel()
        elif left_s < NEVER:
            self._timer = self._task.get_loop().call_later(left_s, self._look)

    def __exit__(
        self, kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._due = NEVER
        if self._has_expired and self._task.uncancel() <= self._cancels_before and kind is asyncio.CancelledError:
            message = f"no answer from the {self._dependency} in {self._wait_s:.1f} s"
            is_to_blame = self._wait_s >= self._seconds / 2
            raise DependencyTimeout(self._dependency, message, is_to_blame=is_to_blame) from None

    def close(self) -> None:
        if self._timer:
            self._timer.cancel()


class StageTimer:
    """Records a stage when its block ends or `end` is called before that, whether or not the stage succeeded."""

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
        """Record that the first token has arrived."""
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
