"""An issuer's keys are fetched rarely, followed when they rotate, and used for a bounded time when it is away."""

import asyncio
from typing import Any

import pytest

from app.ports import DependencyUnavailable
from app.security.issuer_keys import FRESH_S, MAX_AGE_S, REFETCH_S, RETRY_S, IssuerKeys, KeyUnknown, usable
from tests.support.identity_provider import ec_key, rsa_key

pytestmark = pytest.mark.anyio
OLD, NEW = ec_key("old"), ec_key("new")


class Issuer:
    """Answers from memory, and fails while `away`."""

    def __init__(self) -> None:
        self.keys, self.away, self.fetches, self.now = [OLD], False, 0, 1000.0
        self.found = IssuerKeys(self.fetch, lambda: self.now)

    async def fetch(self) -> list[dict[str, Any]]:
        self.fetches += 1
        await asyncio.sleep(0)
        if self.away:
            raise DependencyUnavailable("issuer", "away")
        return [key.as_dict(private=False) for key in self.keys]

    async def knows(self, kid: str) -> bool:
        try:
            return (await self.found.find(kid, "ES256")).kid == kid
        except KeyUnknown:
            return False


@pytest.fixture
def issuer() -> Issuer:
    return Issuer()


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def test_many_at_once_share_one_fetch(issuer: Issuer) -> None:
    assert all(await asyncio.gather(*(issuer.knows("old") for _ in range(50))))
    assert issuer.fetches == 1


async def test_a_new_key_is_found_at_once(issuer: Issuer) -> None:
    assert await issuer.knows("old")
    issuer.now += REFETCH_S
    issuer.keys = [OLD, NEW]
    assert await issuer.knows("new")
    assert issuer.fetches == 2


async def test_unknown_keys_cannot_make_us_fetch_again_and_again(issuer: Issuer) -> None:
    for second in range(100):
        issuer.now = 1000.0 + second
        assert not await issuer.knows(f"made-up-{second}")
    assert issuer.fetches == 100 / REFETCH_S


async def test_a_withdrawn_key_is_refused_once_the_keys_are_not_fresh(issuer: Issuer) -> None:
    assert await issuer.knows("old")
    issuer.keys = [NEW]
    issuer.now += FRESH_S
    assert await issuer.knows("old")
    issuer.now += 1
    assert not await issuer.knows("old")


async def test_an_issuer_that_is_away_is_bridged_for_a_bounded_time(issuer: Issuer) -> None:
    assert await issuer.knows("old")
    issuer.away = True
    issuer.now += MAX_AGE_S
    assert await issuer.knows("old")
    issuer.now += 1
    with pytest.raises(DependencyUnavailable):
        await issuer.knows("old")
    issuer.away = False
    issuer.now += RETRY_S
    assert await issuer.knows("old")


async def test_an_issuer_never_reached_lets_nobody_in(issuer: Issuer) -> None:
    issuer.away = True
    for _ in range(10):
        with pytest.raises(DependencyUnavailable):
            await issuer.knows("old")
    assert issuer.fetches == 1


async def test_while_one_fetches_the_others_go_on_with_the_keys_there_are(issuer: Issuer) -> None:
    assert await issuer.knows("old")
    issuer.now += FRESH_S + 1
    first = asyncio.create_task(issuer.knows("old"))
    await asyncio.sleep(0)
    assert issuer.fetches == 2
    assert not first.done()
    assert await issuer.knows("old")
    assert await first


def test_only_public_keys_strong_enough_to_sign_are_used() -> None:
    good = rsa_key("good")
    weak = {"kty": "RSA", "kid": "weak", "e": "AQAB", "n": good.as_dict()["n"][:171]}
    refused = [
        {"kty": "oct", "k": "c2VjcmV0", "kid": "shared"},
        {**good.as_dict(private=False), "use": "enc"},
        good.as_dict(private=True),
        weak,
        {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA", "kid": "off-the-curve"},
        {"kty": "ML-DSA"},
        {"kty": 7},
        {},
    ]
    assert [key.kid for key in usable([*refused, good.as_dict(private=False)])] == ["good"]
    with pytest.raises(DependencyUnavailable):
        usable(refused)
