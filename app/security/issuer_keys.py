"""An issuer's signing keys: follows their rotation, and bridges an outage of the issuer for a limited time."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any

from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import Key, KeySet, import_key

from app.ports import DependencyUnavailable

log = logging.getLogger("ragspan.security")

FRESH_S = 300.0
"""How long a withdrawn key may still be accepted while the issuer can be reached."""
MAX_AGE_S = 3600.0
"""How long the last keys are used while the issuer cannot be reached; after that no token is accepted."""
REFETCH_S = 10.0
"""Shortest time between two fetches: every token with an unknown key asks for one, and anyone can write such tokens."""
RETRY_S = 2.0
"""The same after a failed fetch."""
MAX_KEYS = 100
ASYMMETRIC = frozenset({"RSA", "EC", "OKP"})
MIN_RSA_BITS = 2048
"""NIST SP 800-131A revision 2, section 3."""


class KeyUnknown(Exception):
    """The issuer has no such key."""


class IssuerKeys:
    """One issuer's keys by id. `fetch` returns JSON Web Keys or raises DependencyUnavailable."""

    def __init__(
        self, fetch: Callable[[], Awaitable[list[dict[str, Any]]]], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._fetch, self._clock = fetch, clock
        self._keys: KeySet | None = None
        self._fetched_at = 0.0
        self._next_fetch = float("-inf")
        self._fetching = asyncio.Lock()

    async def find(self, kid: str | None, algorithm: str) -> Key:
        """Return the key. Raises KeyUnknown, or DependencyUnavailable while there are no usable keys."""
        if self._age_s() > FRESH_S and not (self._fetching.locked() and self._age_s() <= MAX_AGE_S):
            await self._refresh()
        try:
            return self._known(kid, algorithm)
        except KeyUnknown:
            await self._refresh()
            return self._known(kid, algorithm)

    async def find_again(self, kid: str | None, algorithm: str) -> Key:
        """Return the key as it is now: an issuer may replace one under its old id, or give its only key none."""
        await self._refresh()
        return self._known(kid, algorithm)

    def _age_s(self) -> float:
        return self._clock() - self._fetched_at if self._keys else float("inf")

    def _known(self, kid: str | None, algorithm: str) -> Key:
        if self._keys is None or self._age_s() > MAX_AGE_S:
            raise DependencyUnavailable("issuer", "there are no keys of the issuer", retry_after_s=RETRY_S)
        try:
            return self._keys.get_by_kid(kid, {"alg": algorithm, "use": "sig"})
        except InvalidKeyIdError:
            raise KeyUnknown from None

    async def _refresh(self) -> None:
        """Fetch the keys if it is time to. Concurrent callers wait for the same fetch. A failure is logged."""
        async with self._fetching:
            if self._clock() < self._next_fetch:
                return
            try:
                keys = usable(await self._fetch())
            except DependencyUnavailable as error:
                self._next_fetch = self._clock() + RETRY_S
                log.warning("the issuer's keys cannot be fetched: %s", error)
            else:
                self._keys, self._fetched_at = KeySet(keys), self._clock()
                self._next_fetch = self._fetched_at + REFETCH_S


def usable(keys: list[dict[str, Any]]) -> list[Key]:
    """Return the public keys that may verify a signature, leaving out shared secrets, weak and malformed keys.

    Raises DependencyUnavailable if none is left: an issuer that answers nonsense must not displace the good keys.
    """
    found: list[Key] = []
    for data in keys[:MAX_KEYS]:
        if data.get("kty") not in ASYMMETRIC or data.get("use", "sig") != "sig" or "d" in data:
            continue
        if data["kty"] == "RSA" and len(str(data.get("n", ""))) * 6 < MIN_RSA_BITS:
            continue
        try:
            found.append(import_key(data))
        except (JoseError, ValueError, TypeError, KeyError):
            continue
    if not found:
        raise DependencyUnavailable("issuer", "its key set has no key that can be used")
    return found
