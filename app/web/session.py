"""`/session`: sign in to the page with an API key or at an OpenID Connect issuer, see who is signed in, sign out.

Only the page uses it; programs send their key or token with each request.
"""

from typing import TYPE_CHECKING

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import JSONResponse, Response

from app.api.problems import Problem
from app.security.principal import API_SCOPES
from app.security.sessions import Sessions, check_csrf

if TYPE_CHECKING:
    from app.security.oidc_sign_in import OidcSignIn

router = APIRouter(prefix="/session", include_in_schema=False)
NO_STORE = {"Cache-Control": "no-store"}
MAX_KEY_CHARS = 200


class SignIn(BaseModel):
    """An API key, which stays with the service."""

    model_config = ConfigDict(extra="forbid")
    key: str = Field(min_length=1, max_length=MAX_KEY_CHARS)


@router.get("")
async def who(request: Request) -> Response:
    """Say who is signed in, what they may do, and how to sign in; no ways to sign in means that anyone may do all."""
    sessions: Sessions | None = request.app.state.sessions
    if sessions is None:
        return JSONResponse({"ways": [], "scopes": API_SCOPES}, headers=NO_STORE)
    ways = [*(["key"] if sessions.takes_keys else []), *(["oidc"] if request.app.state.sign_in else [])]
    session = sessions.current(request.scope)
    if session is None:
        return JSONResponse({"ways": ways, "scopes": []}, headers=NO_STORE)
    shown = {
        "ways": ways,
        "name": session.name,
        "tenant": session.principal.tenant,
        "scopes": sorted(session.principal.scopes),
        "csrf_token": session.csrf_token,
        "ends_in_s": session.ends_in_s,
    }
    return JSONResponse(shown, headers=NO_STORE)


@router.post("", status_code=204)
async def sign_in(body: SignIn, request: Request) -> Response:
    """Begin a session for the holder of an API key."""
    sessions: Sessions | None = request.app.state.sessions
    response = Response(status_code=204, headers=NO_STORE)
    if sessions is None:
        raise Problem(409, "This service has no API keys, so nobody has to sign in.")
    if not sessions.begin(response, request.scope, body.key):
        raise Problem(403, "That API key is not known here.")
    return response


@router.delete("", status_code=204)
async def sign_out(request: Request) -> Response:
    """End the session in this browser."""
    sessions: Sessions | None = request.app.state.sessions
    response = Response(status_code=204, headers=NO_STORE)
    session = sessions.current(request.scope) if sessions else None
    if sessions and session:
        check_csrf(request.scope, session)
        sessions.end(response, request.scope)
    return response


@router.get("/oidc")
async def begin_at_issuer(request: Request) -> Response:
    """Send the browser to the issuer."""
    return await _at_issuer(request).begin(request.scope)


@router.get("/oidc/callback")
async def finish_at_issuer(request: Request) -> Response:
    """Take the browser back from the issuer."""
    return await _at_issuer(request).finish(request.scope, request.query_params)


def _at_issuer(request: Request) -> "OidcSignIn":
    at_issuer: OidcSignIn | None = request.app.state.sign_in
    if at_issuer is None:
        raise Problem(404, "Nobody signs in at an issuer here; the operator sets RAGSPAN_OIDC_CLIENT_ID.")
    return at_issuer
