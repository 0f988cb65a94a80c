"""The gate in front of every route, as plain ASGI middleware. It checks host, origin, identity and scope, in this
order.

Middleware rather than a dependency of each route: strangers are turned away before the body is read, and a new route is
protected automatically. A layer with nothing left to do returns the next layer's awaitable directly, so that it takes
no part in streaming the answer; all middleware of the app does so.
"""

from collections.abc import Awaitable, Sequence

from starlette.types import ASGIApp, Receive, Scope, Send

from app.api.problems import Problem, problem
from app.security.headers import header
from app.security.hosts import PROBE_PATHS, host_name
from app.security.needed_scopes import is_open, needed_scopes
from app.security.origins import CHANGING_METHODS, is_foreign
from app.security.principal import ANYONE, PRINCIPAL_KEY, Authenticator, Principal
from app.security.seen_tenants import SeenTenants


class AllowedHosts:
    """Answers 421 to a Host header that is not ours, and 400 to none."""

    def __init__(self, app: ASGIApp, allowed: tuple[str, ...]) -> None:
        self.app = app
        self.allowed = frozenset(name.lower().strip("[]") for name in allowed)

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if scope["type"] != "http" or scope["path"] in PROBE_PATHS:
            return self.app(scope, receive, send)
        host = header(scope, b"host")
        if host and host_name(host) in self.allowed:
            return self.app(scope, receive, send)
        detail = (
            "This service does not answer for the name in the Host header; its operator sets RAGSPAN_ALLOWED_HOSTS."
        )
        response = problem(421, detail) if host else problem(400, "The request has no Host header; send one.")
        return response(scope, receive, send)


class SameOrigin:
    """Answers 403 to a state-changing request made by a page of another origin."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if (
            scope["type"] == "http"
            and scope["method"] in CHANGING_METHODS
            and is_foreign(header(scope, b"sec-fetch-site"), header(scope, b"origin"), header(scope, b"host"))
        ):
            response = problem(403, "A page of another origin may not use this service from a browser.")
            return response(scope, receive, send)
        return self.app(scope, receive, send)


class Authentication:
    """Puts the principal into the ASGI scope, or answers 401; 403 if its scopes do not cover the route.

    Without authenticators, nobody has to sign in.
    """

    def __init__(self, app: ASGIApp, authenticators: Sequence[Authenticator], tenants: SeenTenants) -> None:
        self.app = app
        self._authenticators, self._tenants = authenticators, tenants

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or is_open(scope["path"]):
            return await self.app(scope, receive, send)
        try:
            principal = await self._principal(scope) if self._authenticators else ANYONE
            _require_scope(principal, scope)
        except Problem as refusal:
            return await refusal.response()(scope, receive, send)
        scope[PRINCIPAL_KEY] = principal
        self._tenants.note(principal.tenant)
        return await self.app(scope, receive, send)

    async def _principal(self, scope: Scope) -> Principal:
        for authenticator in self._authenticators:
            if principal := await authenticator.authenticate(scope):
                return principal
        detail = (
            "This service needs an API key, or a token where it knows an issuer. Send either as 'Authorization: Bearer "
            "…', a key also as 'X-API-Key: …'."
        )
        raise Problem(401, detail, headers={"WWW-Authenticate": "Bearer"})


def _require_scope(principal: Principal, scope: Scope) -> None:
    """Raise a Problem that names what is missing (RFC 6750, section 3.1)."""
    needed = needed_scopes(scope["method"], scope["path"])
    if needed and needed.isdisjoint(principal.scopes):
        names = sorted(needed)
        detail = f"This needs the scope {' or '.join(names)}, which your credentials do not have; ask your operator."
        challenge = f'Bearer error="insufficient_scope", scope="{" ".join(names)}"'
        raise Problem(403, detail, headers={"WWW-Authenticate": challenge}, needed_scopes=names)
