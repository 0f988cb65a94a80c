"""The tenants that a replica knows of: neither a store nor a token issuer can list them."""

from collections.abc import Iterable, Iterator

MOST_SEEN = 1000
"""Most tenants added to those known from the start; each costs the store one count a minute."""


class SeenTenants:
    """The tenants `known` from the start and up to `MOST_SEEN` that have sent requests since."""

    def __init__(self, known: Iterable[str]) -> None:
        self._tenants = set(known)
        self._most = len(self._tenants) + MOST_SEEN

    def note(self, tenant: str) -> None:
        if tenant not in self._tenants and len(self._tenants) < self._most:
            self._tenants.add(tenant)

    def __iter__(self) -> Iterator[str]:
        return iter(tuple(self._tenants))
