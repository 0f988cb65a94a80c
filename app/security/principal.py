"""Who asks, and the one form in which every way of proving it plugs into the gate.

An `Authenticator` turns a request into a `Principal`. The gate asks them one after the other, and the first that finds
credentials of its own kind decides. A new way to sign in is a class with `authenticate`, handed to `Authentication` in
app/main.py; routes see who asks (`PrincipalDep`, `TenantDep`, `GroupsDep`), never how it was proven.
"""

from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias, get_args

from starlette.types import Scope

ApiScope: TypeAlias = Literal["query", "ingest", "admin"]
"""`query` asks and reads, `ingest` adds documents, `admin` deletes them. None of them implies another."""
API_SCOPES: tuple[ApiScope, ...] = get_args(ApiScope)
DEFAULT_TENANT = "default"
PRINCIPAL_KEY = "ragspan.principal"
"""Where the gate puts the principal in a request's ASGI scope."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """Whose documents a request may touch, and what it may do with them."""

    tenant: str
    groups: frozenset[str] | None = None
    """It sees documents of these groups and those that are open to the tenant; None: every document."""
    scopes: frozenset[ApiScope] = frozenset(API_SCOPES)


ANYONE = Principal(tenant=DEFAULT_TENANT)
"""Who asks where nobody has to sign in: on loopback, without configured keys."""


class Authenticator(Protocol):
    """One way to prove who asks."""

    async def authenticate(self, scope: Scope) -> Principal | None:
        """Return who asks, or None if the request carries no credentials of this kind.

        Raises a Problem for credentials of this kind that do not hold: 401 with `WWW-Authenticate`, or 503 with
        `Retry-After` where that cannot be found out now. Reads the ASGI scope alone: the body has not come yet.
        """
        ...


def parse_scopes(names: str) -> frozenset[ApiScope]:
    """Return the scopes of `query+ingest`. Raises ValueError for a word that is none."""
    words = set(names.split("+"))
    if unknown := sorted(words.difference(API_SCOPES)):
        raise ValueError(f"the scope {unknown[0][:80]!r} is not known; the scopes are {', '.join(API_SCOPES)}")
    return frozenset(scope for scope in API_SCOPES if scope in words)
