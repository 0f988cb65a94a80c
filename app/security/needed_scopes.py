"""One table of the scopes that each route needs. The service does not start with a route that is missing from it."""

from collections.abc import Iterable, Mapping
from functools import lru_cache

from starlette.routing import BaseRoute, Route, compile_path

from app.security.hosts import PROBE_PATHS
from app.security.principal import ApiScope

OPEN_PATHS = PROBE_PATHS | {"/", "/assets/{version}/{name}", "/session", "/session/oidc", "/session/oidc/callback"}
"""Open to everyone. The page itself contains no data; it asks its user to sign in, at `/session`."""

_ASKS: frozenset[ApiScope] = frozenset({"query"})
_READS: frozenset[ApiScope] = frozenset({"query", "ingest"})
_ADDS: frozenset[ApiScope] = frozenset({"ingest"})
_DELETES: frozenset[ApiScope] = frozenset({"admin"})
_ANY: frozenset[ApiScope] = frozenset()

NEEDED: Mapping[tuple[str, str], frozenset[ApiScope]] = {
    ("POST", "/query"): _ASKS,
    ("POST", "/v1/query"): _ASKS,
    ("POST", "/v1/retrieve"): _ASKS,
    ("POST", "/v1/chat/completions"): _ASKS,
    ("POST", "/v1/feedback"): _ASKS,
    ("GET", "/v1/models"): _ANY,
    ("GET", "/v1/models/{model_id:path}"): _ANY,
    ("POST", "/v1/documents"): _ADDS,
    ("GET", "/v1/documents"): _READS,
    ("GET", "/v1/documents/{doc_id}"): _READS,
    ("DELETE", "/v1/documents/{doc_id}"): _DELETES,
    ("GET", "/openapi.json"): _ANY,
}
"""By method and route: any one of these scopes grants access. The empty set: anyone who is signed in."""

_PATTERNS = [(method, compile_path(path)[0], scopes) for (method, path), scopes in NEEDED.items() if "{" in path]
_OPEN_PATTERNS = [compile_path(path)[0] for path in OPEN_PATHS if "{" in path]


@lru_cache(maxsize=256)
def is_open(path: str) -> bool:
    """Whether this address is open to everyone."""
    return path in OPEN_PATHS or any(pattern.match(path) for pattern in _OPEN_PATTERNS)


def needed_scopes(method: str, path: str) -> frozenset[ApiScope]:
    """Return the scopes of which a request needs one; none for an address without a route: there is nothing."""
    if (exact := NEEDED.get((method, path))) is not None:
        return exact
    return next((scopes for verb, pattern, scopes in _PATTERNS if verb == method and pattern.match(path)), _ANY)


def undeclared(routes: Iterable[BaseRoute]) -> list[str]:
    """Return the routes missing from the tables above as `METHOD path`, those of included routers too."""
    found: list[str] = []
    for route in routes:
        if included := getattr(route, "original_router", None):  # as FastAPI keeps a router that it was given
            found += undeclared(included.routes)
        elif not isinstance(route, Route):
            found.append(repr(route))
        elif route.path not in OPEN_PATHS:
            methods = sorted((route.methods or {"ANY"}) - {"HEAD"})
            found += [f"{method} {route.path}" for method in methods if (method, route.path) not in NEEDED]
    return found
