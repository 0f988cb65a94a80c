"""Both ledgers count alike: in a replica's memory, and in a real Redis for all of them."""

import asyncio
from collections.abc import AsyncGenerator, Generator
from pathlib import Path

import pytest
from pydantic import SecretStr

from app.adapters import redis_quotas
from app.adapters.redis_connection import RedisAddress, RedisConnection
from app.adapters.redis_quotas import RedisQuotas
from app.adapters.replica_quotas import MAX_TENANTS, ReplicaQuotas
from app.ports import Quota, QuotaLedger
from tests.contract.quota_ledger_contract import BRIEF_S, WINDOW_S, Clock, QuotaLedgerContract, SetClock
from tests.support.redis import PASSWORD, redis_server

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Generator[str]:
    with redis_server(Path(tmp_path_factory.mktemp("redis"))) as url:
        yield url


def connection(url: str) -> RedisConnection:
    return RedisConnection(RedisAddress(url=url, password=SecretStr(PASSWORD)))


class TestInMemory(QuotaLedgerContract):
    @pytest.fixture
    def clock(self) -> Clock:
        return SetClock()

    @pytest.fixture
    def ledger(self, clock: Clock) -> QuotaLedger:
        return ReplicaQuotas(WINDOW_S, clock.now)

    @pytest.fixture
    def brief(self, clock: Clock) -> QuotaLedger:
        return ReplicaQuotas(BRIEF_S, clock.now)

    async def test_tenants_that_use_nothing_are_forgotten(self, clock: Clock) -> None:
        ledger = ReplicaQuotas(WINDOW_S, clock.now)
        for number in range(MAX_TENANTS):
            await ledger.admit(f"tenant-{number}", Quota(requests=1), 0, "")
        await clock.wait(WINDOW_S + 1)
        await ledger.admit("one-more", Quota(requests=1), 0, "")
        assert ledger.tenants == 1


@pytest.mark.needs("redis")
class TestInRedis(QuotaLedgerContract):
    @pytest.fixture(autouse=True)
    def patient(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """What is counted is at stake here, not how long Redis takes."""
        monkeypatch.setattr(redis_quotas, "TIMEOUT_S", 10)

    @pytest.fixture
    def clock(self) -> Clock:
        return Clock()

    @pytest.fixture
    async def redis(self, redis_url: str) -> AsyncGenerator[RedisConnection]:
        redis = connection(redis_url)
        await redis.call("FLUSHALL", timeout_s=5)
        await redis.call("SCRIPT", "FLUSH", timeout_s=5)
        yield redis
        await redis.close()

    @pytest.fixture
    def ledger(self, redis: RedisConnection) -> QuotaLedger:
        return RedisQuotas(redis, lease_s=WINDOW_S, window_s=WINDOW_S)

    @pytest.fixture
    def brief(self, redis: RedisConnection) -> QuotaLedger:
        return RedisQuotas(redis, lease_s=BRIEF_S, window_s=BRIEF_S)

    async def test_two_replicas_share_one_limit(self, ledger: QuotaLedger, redis_url: str) -> None:
        other = RedisQuotas(connection(redis_url), lease_s=WINDOW_S, window_s=WINDOW_S)
        asked = [one.admit("acme", Quota(requests=30), 0, "") for one in (ledger, other) for _ in range(40)]
        assert [grant.refused for grant in await asyncio.gather(*asked)].count(None) == 30
        await other.close()

    async def test_a_place_of_a_replica_that_died_gets_free(self, brief: QuotaLedger) -> None:
        await brief.admit("acme", Quota(concurrent=2), 0, "dead")
        async with asyncio.timeout(10):
            while True:
                await brief.admit("acme", Quota(concurrent=3), 0, "busy")
                if not (await brief.admit("acme", Quota(concurrent=2), 0, "next")).refused:
                    break
                await asyncio.sleep(0.05)

    async def test_nothing_is_left_in_redis_once_it_no_longer_counts(
        self, ledger: QuotaLedger, redis: RedisConnection
    ) -> None:
        grant = await ledger.admit("acme", Quota(requests=5, tokens=5, concurrent=5), 5, "a")
        await ledger.settle("globex", grant, 5, "")
        keys = await redis.call("KEYS", "*", timeout_s=5)
        assert isinstance(keys, list)
        assert len(keys) == 4
        for key in keys:
            left_s = await redis.call("TTL", key, timeout_s=5)  # type: ignore[arg-type]
            assert isinstance(left_s, int)
            assert 0 < left_s <= WINDOW_S + 2
