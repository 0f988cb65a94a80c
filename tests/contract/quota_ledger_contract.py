"""What every `QuotaLedger` does, whatever counts.

Inherit and give a `ledger`, whose windows outlast a test, and a `brief` one with windows of `BRIEF_S`.
"""

import asyncio
import time
from dataclasses import dataclass

import pytest

from app.ports import Grant, Quota, QuotaLedger

WINDOW_S = 60
BRIEF_S = 1


class Clock:
    """Time as a ledger has it: this machine's, or a test's own."""

    def now(self) -> float:
        return time.monotonic()

    async def wait(self, seconds: float) -> None:
        await asyncio.sleep(seconds + 0.01)  # timers may be early by their resolution


class SetClock(Clock):
    """Goes on only where somebody waits."""

    def __init__(self) -> None:
        self._now = 0.5

    def now(self) -> float:
        return self._now

    async def wait(self, seconds: float) -> None:
        self._now += seconds


@dataclass(frozen=True, slots=True)
class Admitted:
    """A grant that was given between two moments, after being refused so often."""

    grant: Grant
    asked_s: float
    told_s: float
    refusals: int


async def until_admitted(ledger: QuotaLedger, clock: Clock, quota: Quota, tokens: int = 0) -> Admitted:
    """Ask, and where refused ask again when it is said to be worth it."""
    refusals = 0
    while True:
        asked_s = clock.now()
        grant = await ledger.admit("acme", quota, tokens, "")
        if not grant.refused:
            return Admitted(grant, asked_s, clock.now(), refusals)
        refusals += 1
        await clock.wait(grant.wait_s)


class QuotaLedgerContract:
    @pytest.fixture
    def anyio_backend(self) -> str:
        return "asyncio"

    async def test_exactly_so_many_requests_go_through(self, ledger: QuotaLedger) -> None:
        quota = Quota(requests=20)
        grants = await asyncio.gather(*(ledger.admit("acme", quota, 0, "") for _ in range(60)))
        assert [grant.refused for grant in grants].count(None) == 20
        assert max(grant.wait_s for grant in grants if grant.refused) <= WINDOW_S + 1
        assert sorted(grant.requests_used for grant in grants if not grant.refused) == list(range(1, 21))

    async def test_in_no_window_more_than_allowed_goes_through(self, brief: QuotaLedger, clock: Clock) -> None:
        admitted = [await until_admitted(brief, clock, Quota(requests=5)) for _ in range(8)]
        spans = [later.told_s - earlier.asked_s for earlier, later in zip(admitted, admitted[5:], strict=False)]
        assert min(spans) >= BRIEF_S
        assert max(one.refusals for one in admitted) <= 1, "who comes back when told is let in"

    async def test_tenants_do_not_share(self, ledger: QuotaLedger) -> None:
        quota = Quota(requests=1)
        assert [(await ledger.admit(name, quota, 0, "")).refused for name in ("acme", "globex", "acme")] == [
            None, None, "requests",
        ]  # fmt: skip

    async def test_tokens_are_reserved_and_corrected(self, ledger: QuotaLedger) -> None:
        quota = Quota(tokens=100)
        first = await ledger.admit("acme", quota, 60, "")
        assert (await ledger.admit("acme", quota, 60, "")).refused == "tokens"
        await ledger.settle("acme", first, -50, "")
        second = await ledger.admit("acme", quota, 60, "")
        assert (second.refused, second.tokens_used) == (None, 70)
        await ledger.settle("acme", second, 25, "")
        assert (await ledger.admit("acme", quota, 6, "")).refused == "tokens"
        assert (await ledger.admit("acme", quota, 5, "")).refused is None

    async def test_an_estimate_above_the_limit_still_lets_one_through(self, ledger: QuotaLedger) -> None:
        assert (await ledger.admit("acme", Quota(tokens=100), 1000, "")).tokens_used == 100
        assert (await ledger.admit("acme", Quota(tokens=100), 1, "")).refused == "tokens"

    async def test_a_correction_that_comes_late_gives_nothing_back(self, brief: QuotaLedger, clock: Clock) -> None:
        old, new = [await until_admitted(brief, clock, Quota(tokens=100), 100) for _ in range(2)]
        await brief.settle("acme", old.grant, -100, "")
        again = await brief.admit("acme", Quota(tokens=200), 50, "")
        is_of_the_same_window = again.second <= new.grant.second + BRIEF_S
        assert again.tokens_used == (150 if is_of_the_same_window else 50)

    async def test_a_correction_of_what_is_not_counted_gives_nothing(self, ledger: QuotaLedger) -> None:
        grant = await ledger.admit("acme", Quota(tokens=100), 100, "")
        await ledger.settle("globex", grant, -100, "")
        await ledger.admit("globex", Quota(tokens=100), 100, "")
        assert (await ledger.admit("globex", Quota(tokens=100), 1, "")).refused == "tokens"

    async def test_so_many_places_and_each_once(self, ledger: QuotaLedger) -> None:
        quota = Quota(concurrent=2)
        held = [await ledger.admit("acme", quota, 0, lease) for lease in ("a", "b", "c")]
        assert [grant.refused for grant in held] == [None, None, "concurrent"]
        await ledger.settle("acme", held[2], 0, "c")
        assert (await ledger.admit("acme", quota, 0, "d")).refused == "concurrent"
        await ledger.settle("acme", held[0], 0, "a")
        await ledger.settle("acme", held[0], 0, "a")
        assert [(await ledger.admit("acme", quota, 0, lease)).refused for lease in ("e", "f")] == [None, "concurrent"]

    async def test_a_refused_request_counts_for_nothing(self, ledger: QuotaLedger) -> None:
        assert (await ledger.admit("acme", Quota(requests=1, tokens=10, concurrent=1), 10, "a")).refused is None
        for _ in range(5):
            assert (await ledger.admit("acme", Quota(requests=1, tokens=10, concurrent=1), 10, "b")).refused
        await ledger.settle("acme", Grant(), 0, "a")
        after = await ledger.admit("acme", Quota(requests=2, tokens=20, concurrent=1), 10, "c")
        assert (after.refused, after.requests_used, after.tokens_used) == (None, 2, 20)
