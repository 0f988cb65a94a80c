"""Which tenants there are, as far as a replica knows: a store cannot tell them, nor can an issuer of tokens."""

from collections.abc import Iterable, Iterator

MOST_SEEN = 1000
"""Others than those that are known from the start; each costs the store a count a minute."""


class SeenTenants:
    """The tenants `known` from the start and, up to `MOST_SEEN`, those that have asked since."""

    def __init__(self, known: Iterable[str]) -> None:
        self._tenants = set(known)
        self._most = len(self._tenants) + MOST_SEEN

    def note(self, tenant: str) -> None:
        if tenant not in self._tenants and len(self._tenants) < self._most:
            self._tenants.add(tenant)

    def __iter__(self) -> Iterator[str]:
        return iter(tuple(self._tenants))
