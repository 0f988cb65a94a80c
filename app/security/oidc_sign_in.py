"""Signs people in to the page at an OpenID Connect issuer: an authorization code with PKCE, exchanged by the service.

OpenID Connect Core 1.0, section 3.1; RFC 7636 (PKCE); RFC 9207 (which issuer answered). What must come back with the
same browser is kept in a signed cookie; the browser never sees a token.
"""

import hmac
import logging
import re
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from http import HTTPStatus
from typing import Any, Literal, TypeAlias
from urllib.parse import urlencode

from starlette.responses import RedirectResponse, Response
from starlette.types import Scope

from app.adapters.oidc import OidcIssuer
from app.api.problems import Problem
from app.ports import DependencyUnavailable
from app.security.bearer_tokens import BearerTokens, Verified
from app.security.cookies import is_local, read_cookie, set_cookie
from app.security.headers import header
from app.security.issuer_keys import KeyUnknown
from app.security.sessions import Sessions
from app.security.signing import Signer

log = logging.getLogger("ragspan.security")

CALLBACK_PATH = "/session/oidc/callback"
COOKIE = "ragspan_sign_in"
PATIENCE_S = 600
"""Time for a password, a second factor and consent."""
MAX_NAME_CHARS = 80
ERROR_CODE = re.compile("[a-z_]{1,40}")
"""RFC 6749, section 4.1.2.1; anything else that arrives is not logged."""
Reason: TypeAlias = Literal["stale", "refused", "unavailable", "unproven", "stranger", "crowded"]


class _Failed(Exception):
    """The sign-in failed, for a reason that the page can explain; `why` is for the log."""

    def __init__(self, reason: Reason, why: object) -> None:
        super().__init__(str(why))
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class OidcSignIn:
    """Signs in users of one issuer. `tokens` verifies ID tokens, whose audience is the client."""

    issuer: OidcIssuer
    tokens: BearerTokens
    client_id: str
    client_secret: str | None
    signer: Signer
    sessions: Sessions

    async def begin(self, scope: Scope) -> Response:
        """Send the browser to the issuer, or back to the page with the reason for a failure."""
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        query = {
            "response_type": "code", "client_id": self.client_id, "scope": "openid profile",
            "redirect_uri": _callback(scope), "state": state, "nonce": nonce,
            "code_challenge": _challenge(verifier), "code_challenge_method": "S256",
        }  # fmt: skip
        try:
            endpoint = await self.issuer.endpoint("authorization")
        except DependencyUnavailable as error:
            return _without_session(_Failed("unavailable", error))
        response = _redirect(f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(query)}")
        kept = self.signer.sign({"state": state, "nonce": nonce, "verifier": verifier}, for_s=PATIENCE_S)
        # The issuer's site sends the browser back here, and with such a request a strict cookie would not be sent.
        set_cookie(response, scope, COOKIE, kept, for_s=PATIENCE_S, samesite="lax")
        return response

    async def finish(self, scope: Scope, answer: Mapping[str, str]) -> Response:
        """Receive the browser from the issuer: begin a session for the user it names, or tell the page why not."""
        try:
            verified = await self._verified(scope, answer)
        except _Failed as failure:
            response = _without_session(failure)
        else:
            response = _back("signed-in")
            if not self.sessions.begin_as(response, scope, _name(verified.claims), verified.principal):
                response = _without_session(_Failed("crowded", "a cookie has no room for the groups"))
        set_cookie(response, scope, COOKIE, "", for_s=0, samesite="lax")
        return response

    async def _verified(self, scope: Scope, answer: Mapping[str, str]) -> Verified:
        kept = self.signer.read(read_cookie(scope, COOKIE) or "")
        if not kept or not hmac.compare_digest(kept["state"].encode(), answer.get("state", "").encode()):
            raise _Failed("stale", "this browser did not begin the sign-in, or too long ago")
        if "code" not in answer or answer.get("iss", self.issuer.issuer) != self.issuer.issuer:
            error = answer.get("error", "")
            raise _Failed(
                "refused", f"the issuer answered {error if ERROR_CODE.fullmatch(error) else 'without a code'}"
            )
        form = {
            "grant_type": "authorization_code", "code": answer["code"], "redirect_uri": _callback(scope),
            "code_verifier": kept["verifier"],
        }  # fmt: skip
        verified = await self._exchanged(form)
        claims = verified.claims
        if claims.get("nonce") != kept["nonce"] or claims.get("azp", self.client_id) != self.client_id:
            raise _Failed("unproven", "the ID token is of another sign-in or for another client")
        return verified

    async def _exchanged(self, form: Mapping[str, str]) -> Verified:
        try:
            return await self.tokens.verify(await self.issuer.id_token(form, self.client_id, self.client_secret))
        except DependencyUnavailable as error:
            raise _Failed("unavailable", error) from None
        except KeyUnknown:
            raise _Failed("unproven", "the ID token's key is not one of its issuer's") from None
        except Problem as refusal:
            reason = "stranger" if refusal.status == HTTPStatus.FORBIDDEN else "unproven"
            raise _Failed(reason, refusal.detail) from None


def _callback(scope: Scope) -> str:
    """Return the address that the issuer sends the browser back to; the gate has checked the Host header."""
    return f"{'http' if is_local(scope) else 'https'}://{header(scope, b'host')}{CALLBACK_PATH}"


def _challenge(verifier: str) -> str:
    return urlsafe_b64encode(sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def _without_session(failure: _Failed) -> Response:
    log.warning("nobody is signed in: %s", failure, extra={"reason": failure.reason})
    return _back(f"sign-in-failed={failure.reason}")


def _back(query: str) -> Response:
    return _redirect(f"/?{query}")


def _redirect(address: str) -> Response:
    return RedirectResponse(address, HTTPStatus.SEE_OTHER, headers={"Cache-Control": "no-store"})


def _name(claims: Mapping[str, Any]) -> str:
    """Return the name that the page shows for its user."""
    names = (claims.get(claim) for claim in ("name", "preferred_username", "email", "sub"))
    return next((name for name in names if isinstance(name, str) and name), "signed in")[:MAX_NAME_CHARS]
