"""One request's run through the stages: its deadline, its timings, and what it had to do without."""

import asyncio
import time
from collections.abc import Awaitable
from dataclasses import dataclass, field
from typing import Literal, TypeAlias, TypeVar

from app.ports import DependencyTimeout

Result = TypeVar("Result")
Stage: TypeAlias = Literal["embed", "search", "first_token", "generate", "total"]


@dataclass(slots=True)
class Run:
    """Times the stages of one request and holds its deadline, on the clock of the event loop."""

    total_s: float
    started: float = field(default_factory=time.monotonic)
    timings_ms: dict[Stage, float] = field(default_factory=dict[Stage, float])
    degraded: list[str] = field(default_factory=list[str])
    """Optional dependencies that were not there for this request, by role."""

    def record(self, stage: Stage, since: float) -> None:
        self.timings_ms[stage] = round((time.monotonic() - since) * 1000, 2)

    def left_s(self) -> float:
        return max(0.0, self.started + self.total_s - time.monotonic())

    async def limit(self, awaitable: Awaitable[Result], dependency: str, seconds: float) -> Result:
        """Await within `seconds` and within what is left of the total. Raises DependencyTimeout."""
        allowed = min(seconds, self.left_s())
        try:
            async with asyncio.timeout(allowed):
                return await awaitable
        except TimeoutError:
            raise DependencyTimeout(dependency, f"no answer from the {dependency} in {allowed:.1f} s") from None
