"""Tenants' use of a single replica, counted in its memory.

The window slides by seconds: what was used in a second counts until `window_s` more have passed, so no window of
`window_s` ever exceeds the limit.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from app.ports import Grant, Quota

WINDOW_S = 60
MAX_TENANTS = 10_000
"""Beyond this, idle tenants are forgotten. Tenants come from keys and signed tokens, so nobody can invent them."""


class Window:
    """Amounts by the second of their use, for at most `window_s` + 1 seconds."""

    def __init__(self, window_s: int) -> None:
        self._window_s = window_s
        self._amounts: dict[int, int] = {}
        self._looked_at = 0
        self.used = 0

    def forget_before(self, second: int) -> None:
        if second == self._looked_at:
            return
        self._looked_at = second
        for old in [at for at in self._amounts if at < second - self._window_s]:
            self.used -= self._amounts.pop(old)

    def add(self, second: int, amount: int) -> None:
        self._amounts[second] = self._amounts.get(second, 0) + amount
        self.used += amount

    def holds(self, second: int) -> bool:
        return second in self._amounts

    def wait_s(self, second: int, excess: int) -> int:
        """Return after how many seconds `excess` will no longer count."""
        for at in sorted(self._amounts):
            excess -= self._amounts[at]
            if excess <= 0:
                return at + self._window_s + 1 - second
        return self._window_s + 1


@dataclass(slots=True)
class _Use:
    requests: Window
    tokens: Window
    leases: set[str] = field(default_factory=set[str])

    @property
    def is_none(self) -> bool:
        return not (self.requests.used or self.tokens.used or self.leases)


class ReplicaQuotas:
    """Implements `ports.QuotaLedger`."""

    def __init__(self, window_s: int = WINDOW_S, clock: Callable[[], float] = time.monotonic) -> None:
        self._window_s, self._clock = window_s, clock
        self._uses: dict[str, _Use] = {}

    @property
    def tenants(self) -> int:
        """How many tenants are remembered."""
        return len(self._uses)

    async def admit(self, tenant: str, quota: Quota, tokens: int, lease: str) -> Grant:
        second = math.floor(self._clock())
        use = self._use(tenant, second)
        tokens = min(tokens, quota.tokens)
        if lease and quota.concurrent and len(use.leases) >= quota.concurrent:
            return Grant(refused="concurrent", wait_s=1, second=second)
        if quota.requests and (excess := use.requests.used + 1 - quota.requests) > 0:
            return Grant(refused="requests", wait_s=use.requests.wait_s(second, excess), second=second)
        if tokens and (excess := use.tokens.used + tokens - quota.tokens) > 0:
            return Grant(refused="tokens", wait_s=use.tokens.wait_s(second, excess), second=second)
        use.requests.add(second, 1)
        use.tokens.add(second, tokens)
        if lease:
            use.leases.add(lease)
        return Grant(requests_used=use.requests.used, tokens_used=use.tokens.used, second=second)

    async def settle(self, tenant: str, grant: Grant, tokens: int, lease: str) -> None:
        now = math.floor(self._clock())
        use = self._use(tenant, now)
        use.leases.discard(lease)
        if tokens > 0:
            use.tokens.add(now, tokens)
        elif tokens and use.tokens.holds(grant.second):
            use.tokens.add(grant.second, tokens)

    async def close(self) -> None:
        self._uses.clear()

    def _use(self, tenant: str, second: int) -> _Use:
        use = self._uses.get(tenant)
        if use is None:
            if len(self._uses) >= MAX_TENANTS:
                self._uses = {name: use for name, use in self._uses.items() if not self._idle(use, second)}
            use = self._uses[tenant] = _Use(Window(self._window_s), Window(self._window_s))
        use.requests.forget_before(second)
        use.tokens.forget_before(second)
        return use

    @staticmethod
    def _idle(use: _Use, second: int) -> bool:
        use.requests.forget_before(second)
        use.tokens.forget_before(second)
        return use.is_none
