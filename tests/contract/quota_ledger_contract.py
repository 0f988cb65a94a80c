"""What every `QuotaLedger` does, whatever counts: inherit and give a `ledger` fixture with windows of `WINDOW_S`."""

import asyncio
import time

import pytest

from app.ports import Grant, Quota, QuotaLedger

WINDOW_S = 1
PATIENCE_S = 10


async def until_admitted(ledger: QuotaLedger, quota: Quota, tokens: int = 0, lease: str = "") -> float:
    """Ask again until it goes through; return after how many seconds that was."""
    started = time.monotonic()
    while (await ledger.admit("acme", quota, tokens, lease)).refused:
        assert time.monotonic() < started + PATIENCE_S
        await asyncio.sleep(0.01)
    return time.monotonic() - started


class QuotaLedgerContract:
    @pytest.fixture
    def anyio_backend(self) -> str:
        return "asyncio"

    async def test_exactly_so_many_requests_go_through(self, ledger: QuotaLedger) -> None:
        quota = Quota(requests=20)
        grants = await asyncio.gather(*(ledger.admit("acme", quota, 0, "") for _ in range(60)))
        assert [grant.refused for grant in grants].count(None) == 20
        assert {grant.wait_s for grant in grants if grant.refused} <= {1, 2}
        assert sorted(grant.requests_used for grant in grants if not grant.refused) == list(range(1, 21))

    async def test_in_no_window_more_than_allowed_goes_through(self, ledger: QuotaLedger) -> None:
        quota = Quota(requests=5)
        admitted: list[float] = []
        while len(admitted) < 12:
            waited = await until_admitted(ledger, quota)
            assert waited <= WINDOW_S + 1.5
            admitted.append(time.monotonic())
        spans = [later - earlier for earlier, later in zip(admitted, admitted[5:], strict=False)]
        assert min(spans) >= WINDOW_S * 0.95

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

    async def test_a_correction_that_comes_late_gives_nothing_back(self, ledger: QuotaLedger) -> None:
        old = await ledger.admit("acme", Quota(tokens=100), 100, "")
        assert await until_admitted(ledger, Quota(tokens=100), 100) > WINDOW_S * 0.9
        await ledger.settle("acme", old, -100, "")
        assert (await ledger.admit("acme", Quota(tokens=100), 1, "")).refused == "tokens"

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
