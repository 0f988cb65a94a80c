"""Sessions of the page: a signed cookie instead of a key that a script could read.

The service stores nothing, so every replica with the same secret knows every session. A session begun with an API key
names that key by its hash: it ends when the key is withdrawn, and may do what the key may do now.
"""

import hmac
import time
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from starlette.responses import Response
from starlette.types import Scope

from app.api.problems import Problem
from app.security.api_keys import ApiKey, find_key
from app.security.cookies import MAX_VALUE_BYTES, read_cookie, set_cookie
from app.security.headers import header
from app.security.origins import CHANGING_METHODS
from app.security.principal import Principal
from app.security.signing import Signer

SESSION_S = 12 * 3600
"""A working day; after that, people sign in again."""
COOKIE = "ragspan_session"
CSRF_HEADER = b"x-csrf-token"


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """Who is signed in, for how long, and the token that every request with a change must carry."""

    name: str
    principal: Principal
    ends_in_s: int
    csrf_token: str


class Sessions:
    """Authenticator: the session cookie; for changes also the session's CSRF token in `X-CSRF-Token`."""

    def __init__(self, keys: tuple[ApiKey, ...], secret: bytes) -> None:
        self._keys = {_key_id(key): key for key in keys}
        self._signer, self._csrf = Signer(secret, "session"), Signer(secret, "csrf")

    @property
    def takes_keys(self) -> bool:
        """Whether a session can begin with an API key."""
        return bool(self._keys)

    def begin(self, response: Response, scope: Scope, presented_key: str) -> bool:
        """Set the session cookie for the holder of this key; return False if the key is unknown."""
        key = find_key(tuple(self._keys.values()), presented_key)
        return key is not None and self._set(response, scope, {"key": _key_id(key)})

    def begin_as(self, response: Response, scope: Scope, name: str, principal: Principal) -> bool:
        """Set the session cookie for a user whom an issuer named; it lasts to its end, whatever happens there.

        Return False if the groups need more room than browsers give a cookie.
        """
        groups = None if principal.groups is None else sorted(principal.groups)
        who = {"tenant": principal.tenant, "groups": groups, "scopes": sorted(principal.scopes)}
        return self._set(response, scope, {"name": name, "who": who})

    def _set(self, response: Response, scope: Scope, payload: dict[str, Any]) -> bool:
        signed = self._signer.sign(payload, for_s=SESSION_S)
        if len(signed) > MAX_VALUE_BYTES:
            return False
        set_cookie(response, scope, COOKIE, signed, for_s=SESSION_S)
        return True

    def end(self, response: Response, scope: Scope) -> None:
        """Delete the session cookie."""
        set_cookie(response, scope, COOKIE, "", for_s=0)

    def current(self, scope: Scope) -> Session | None:
        """Return the request's session, if it has one that has not expired."""
        token = read_cookie(scope, COOKIE)
        payload = self._signer.read(token) if token else None
        holder = self._holder(payload) if payload else None
        if not (token and payload and holder):
            return None
        name, principal = holder
        ends_in_s = int(payload["exp"] - time.time())
        return Session(name=name, principal=principal, ends_in_s=ends_in_s, csrf_token=self._csrf.mac(token.encode()))

    def _holder(self, payload: dict[str, Any]) -> tuple[str, Principal] | None:
        if who := payload.get("who"):
            groups = None if who["groups"] is None else frozenset(who["groups"])
            return payload["name"], Principal(tenant=who["tenant"], groups=groups, scopes=frozenset(who["scopes"]))
        key = self._keys.get(payload["key"])
        return (key.name, key.principal) if key else None

    async def authenticate(self, scope: Scope) -> Principal | None:
        if not read_cookie(scope, COOKIE):
            return None
        session = self.current(scope)
        if session is None:
            detail = "Your session is over; sign in again."
            raise Problem(401, detail, headers={"WWW-Authenticate": 'Bearer error="invalid_token"'})
        check_csrf(scope, session)
        return session.principal


def check_csrf(scope: Scope, session: Session) -> None:
    """Raise a Problem for a change without the session's token; another page could send the cookie alone."""
    sent = header(scope, CSRF_HEADER) or ""
    if scope["method"] in CHANGING_METHODS and not hmac.compare_digest(sent.encode(), session.csrf_token.encode()):
        raise Problem(403, "This lacks the session's token in X-CSRF-Token; GET /session has it.")


def _key_id(key: ApiKey) -> str:
    """Name a key by the hash of its hash, so that the cookie reveals nothing of what the service compares with."""
    return sha256(key.sha256.encode()).hexdigest()[:32]
