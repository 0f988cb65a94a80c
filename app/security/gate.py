"""The gate in front of every route, as plain ASGI middleware: host, origin, API key, in this order.

Middleware, not a dependency of each route: a stranger is turned away before the body is read, and a new route is
protected without remembering to be.
"""

from starlette.types import ASGIApp, Receive, Scope, Send

from app.api.problems import problem
from app.security.api_keys import DEFAULT_TENANT, ApiKey, find_key
from app.security.hosts import PROBE_PATHS, host_name
from app.security.origins import CHANGING_METHODS, is_foreign

TENANT_SCOPE_KEY = "ragspan.tenant"
GROUPS_SCOPE_KEY = "ragspan.groups"
"""The caller's access groups, a frozenset; None: every document of the tenant."""
ASSETS_PREFIX = "/assets/"
KEYLESS_PATHS = PROBE_PATHS | {"/"}
"""The page itself holds no data; it asks its user for a key."""


def header(scope: Scope, name: bytes) -> str | None:
    """Return the header's value, or None if it is absent. Sent more than once, it is empty, which no check accepts."""
    values: list[bytes] = [value for key, value in scope["headers"] if key == name]
    return (values[0].decode("latin-1") if len(values) == 1 else "") if values else None


class AllowedHosts:
    """421 for a Host that is not ours, 400 for none."""

    def __init__(self, app: ASGIApp, allowed: tuple[str, ...]) -> None:
        self.app = app
        self.allowed = frozenset(name.lower().strip("[]") for name in allowed)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in PROBE_PATHS:
            return await self.app(scope, receive, send)
        host = header(scope, b"host")
        if host and host_name(host) in self.allowed:
            return await self.app(scope, receive, send)
        detail = (
            "This service does not answer for the name in the Host header; its operator sets RAGSPAN_ALLOWED_HOSTS."
        )
        response = problem(421, detail) if host else problem(400, "The request has no Host header; send one.")
        return await response(scope, receive, send)


class SameOrigin:
    """403 for a state-changing request that a page of another origin made."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if (
            scope["type"] == "http"
            and scope["method"] in CHANGING_METHODS
            and is_foreign(header(scope, b"sec-fetch-site"), header(scope, b"origin"), header(scope, b"host"))
        ):
            response = problem(403, "A page of another origin may not use this service from a browser.")
            return await response(scope, receive, send)
        return await self.app(scope, receive, send)


class Authentication:
    """Put the tenant of the API key into the scope, or answer 401. Without configured keys there is one tenant."""

    def __init__(self, app: ASGIApp, keys: tuple[ApiKey, ...]) -> None:
        self.app = app
        self.keys = keys

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in KEYLESS_PATHS or scope["path"].startswith(ASSETS_PREFIX):
            return await self.app(scope, receive, send)
        presented = presented_key(scope)
        if not self.keys:
            scope[TENANT_SCOPE_KEY], scope[GROUPS_SCOPE_KEY] = DEFAULT_TENANT, None
        elif presented and (key := find_key(self.keys, presented)):
            scope[TENANT_SCOPE_KEY], scope[GROUPS_SCOPE_KEY] = key.tenant, key.groups
        else:
            detail = "The API key is not known here." if presented else "This service needs an API key."
            remedy = " Send it as 'Authorization: Bearer KEY' or 'X-API-Key: KEY'."
            response = problem(401, detail + remedy, headers={"WWW-Authenticate": "Bearer"})
            return await response(scope, receive, send)
        return await self.app(scope, receive, send)


def presented_key(scope: Scope) -> str | None:
    """Return the key that a request carries in `Authorization: Bearer` or `X-API-Key`."""
    scheme, _, credentials = (header(scope, b"authorization") or "").partition(" ")
    if scheme.lower() == "bearer" and credentials.strip():
        return credentials.strip()
    return header(scope, b"x-api-key")
