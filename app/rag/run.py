"""One request's run through the stages: its deadline, its timings, and what it had to do without."""

import asyncio
import time
from collections.abc import Awaitable, Coroutine
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Literal, TypeAlias, TypeVar

from app.ports import DependencyTimeout
from app.rag.breaker import Breakers

Result = TypeVar("Result")
Stage: TypeAlias = Literal["rewrite", "embed", "search", "rerank", "first_token", "generate", "quality", "total"]

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
            async with asyncio.timeout(allowed):
                return await awaitable
        except TimeoutError:
            message = f"no answer from the {dependency} in {allowed:.1f} s"
            raise DependencyTimeout(dependency, message, is_to_blame=allowed >= seconds / 2) from None
        finally:
            _deadline.reset(token)
