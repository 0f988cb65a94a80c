"""The principal who sends a request, and the one interface by which every kind of credentials plugs into the gate.

An `Authenticator` turns a request into a `Principal`. The gate tries the authenticators in order; the first one that
finds credentials of its own kind decides. A new way to sign in is a class with `authenticate`, given to
`Authentication` in app/main.py. Routes see the tenant and groups (`TenantDep`, `GroupsDep`), never how they were
proven.
"""

from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias, get_args

from starlette.types import Scope

ApiScope: TypeAlias = Literal["query", "ingest", "admin"]
"""`query` may ask and read, `ingest` add documents, `admin` delete them. None of them implies another."""
API_SCOPES: tuple[ApiScope, ...] = get_args(ApiScope)
DEFAULT_TENANT = "default"
PRINCIPAL_KEY = "ragspan.principal"
"""Where the gate puts the principal in a request's ASGI scope."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """Whose documents a request may touch, and what it may do with them."""

    tenant: str
    groups: frozenset[str] | None = None
    """The principal sees documents of these groups and documents without groups; None: every document."""
    scopes: frozenset[ApiScope] = frozenset(API_SCOPES)


ANYONE = Principal(tenant=DEFAULT_TENANT)
"""The principal where nobody has to sign in: on loopback, without configured keys."""


class Authenticator(Protocol):
    """One way to prove who sends a request."""

    async def authenticate(self, scope: Scope) -> Principal | None:
        """Return the principal, or None if the request carries no credentials of this kind.

        Raises a Problem for invalid credentials of this kind: 401 with `WWW-Authenticate`, or 503 with `Retry-After` if
        they cannot be checked now. Reads the ASGI scope alone, because the body has not arrived yet.
        """
        ...


def parse_scopes(names: str) -> frozenset[ApiScope]:
    """Return the scopes named in text such as `query+ingest`. Raises ValueError for an unknown word."""
    words = set(names.split("+"))
    if unknown := sorted(words.difference(API_SCOPES)):
        raise ValueError(f"the scope {unknown[0][:80]!r} is not known; the scopes are {', '.join(API_SCOPES)}")
    return frozenset(scope for scope in API_SCOPES if scope in words)
