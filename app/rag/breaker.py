"""Circuit breakers: a dependency that keeps failing is left alone for a while, then tried by one call at a time.

`Breaker` is the state machine for one dependency; `Breakers` holds one for each, by role. While a breaker is open,
calls are refused at once: no request waits for a deadline in vain, and a struggling server gets no more load.
"""

import time
from collections.abc import Callable
from types import TracebackType

from app.ports import DependencyUnavailable

FAILURES_TO_OPEN = 5
"""Failures in a row. A server that fails only now and then is retried instead."""
OPEN_S = 5.0
"""Long enough to spare a server that is restarting, short compared with a person's patience."""


class Breaker:
    """While closed, calls pass. After `FAILURES_TO_OPEN` failures in a row it opens, and no call passes for `OPEN_S`.
    Then a single call, the probe, closes it again or reopens it. `clock` returns seconds and never goes back.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failures = 0
        self._opened: float | None = None
        self._probing = False

    @property
    def is_open(self) -> bool:
        """Whether it is open or half-open, i.e. the last thing known of the dependency is that it failed."""
        return self._opened is not None

    @property
    def refuses(self) -> bool:
        """Whether a call would be refused now."""
        return self._opened is not None and (self._probing or self.wait_s > 0)

    @property
    def wait_s(self) -> float:
        """Seconds until the next probe is allowed."""
        return 0.0 if self._opened is None else max(0.0, self._opened + OPEN_S - self._clock())

    def admit(self) -> bool:
        """Let a call pass, which `refuses` must allow, and return whether it is the probe."""
        self._probing = self._opened is not None
        return self._probing

    def succeed(self, *, probe: bool) -> None:
        """Close after a successful probe. While open, the success of an earlier call says nothing about the present."""
        if probe or self._opened is None:
            self._failures, self._opened, self._probing = 0, None, False

    def fail(self, *, probe: bool) -> None:
        if probe:
            self._probing = False
        elif self._opened is not None:
            return
        self._failures += 1
        if self._failures >= FAILURES_TO_OPEN:
            self._opened = self._clock()

    def abandon(self, *, probe: bool) -> None:
        """Withdraw a call that ended without a verdict, so that the next one may be the probe."""
        if probe:
            self._probing = False


class Breakers:
    """One breaker for each dependency, by its role. `on_change` is called when one opens (True) or closes (False)."""

    def __init__(
        self,
        on_change: Callable[[str, bool], object] = lambda _dependency, _is_open: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._on_change, self._clock = on_change, clock
        self._breakers: dict[str, Breaker] = {}

    @property
    def refusing(self) -> list[str]:
        """Dependencies whose calls would be refused now."""
        return [dependency for dependency, breaker in self._breakers.items() if breaker.refuses]

    def require(self, dependency: str) -> None:
        """Raise DependencyUnavailable if a call to this dependency would be refused now."""
        breaker = self._breakers.get(dependency)
        if breaker and breaker.refuses:
            message = f"the {dependency} failed {FAILURES_TO_OPEN} times in a row and is left alone for now"
            raise DependencyUnavailable(dependency, message, retry_after_s=breaker.wait_s)

    def watching(self, dependency: str) -> "_Watch":
        """Count the block as one call of the dependency. Raises DependencyUnavailable while the breaker is open."""
        return _Watch(self, dependency)

    def admit(self, dependency: str) -> tuple[Breaker, bool]:
        """Let a call pass; return the breaker and whether the call is its probe. Raises DependencyUnavailable."""
        self.require(dependency)
        breaker = self._breakers.get(dependency)
        if breaker is None:
            breaker = self._breakers[dependency] = Breaker(self._clock)
        return breaker, breaker.admit()

    def tell(self, dependency: str, *, is_open: bool) -> None:
        self._on_change(dependency, is_open)


class _Watch:
    """Reports the outcome of one call to its breaker."""

    __slots__ = ("_breaker", "_breakers", "_dependency", "_is_probe", "_was_open")

    def __init__(self, breakers: Breakers, dependency: str) -> None:
        self._breakers, self._dependency = breakers, dependency

    def __enter__(self) -> None:
        self._breaker, self._is_probe = self._breakers.admit(self._dependency)
        self._was_open = self._breaker.is_open

    def __exit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        breaker = self._breaker
        if error is None:
            breaker.succeed(probe=self._is_probe)
        elif isinstance(error, DependencyUnavailable) and error.is_to_blame:
            breaker.fail(probe=self._is_probe)
        else:
            breaker.abandon(probe=self._is_probe)
        if breaker.is_open != self._was_open:
            self._breakers.tell(self._dependency, is_open=breaker.is_open)
