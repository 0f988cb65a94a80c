"""`/session`: signing in to the page and out, and who is signed in.

The page alone uses it; programs send their key or token with each request.
"""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import JSONResponse, Response

from app.api.problems import Problem
from app.security.principal import API_SCOPES
from app.security.sessions import Sessions, check_csrf

router = APIRouter(prefix="/session", include_in_schema=False)
NO_STORE = {"Cache-Control": "no-store"}
MAX_KEY_CHARS = 200


class SignIn(BaseModel):
    """An API key, which stays with the service."""

    model_config = ConfigDict(extra="forbid")
    key: str = Field(min_length=1, max_length=MAX_KEY_CHARS)


def sessions(request: Request) -> Sessions | None:
    return request.app.state.sessions


SessionsDep = Annotated[Sessions | None, Depends(sessions)]


@router.get("")
async def who(request: Request, sessions: SessionsDep) -> Response:
    """Say who is signed in and what they may do. Without keys everybody may do everything."""
    if sessions is None:
        return JSONResponse({"needed": False, "scopes": API_SCOPES}, headers=NO_STORE)
    session = sessions.current(request.scope)
    if session is None:
        return JSONResponse({"needed": True, "scopes": []}, headers=NO_STORE)
    shown = {
        "needed": True,
        "name": session.name,
        "tenant": session.principal.tenant,
        "scopes": sorted(session.principal.scopes),
        "csrf_token": session.csrf_token,
        "ends_in_s": session.ends_in_s,
    }
    return JSONResponse(shown, headers=NO_STORE)


@router.post("", status_code=204)
async def sign_in(body: SignIn, request: Request, sessions: SessionsDep) -> Response:
    """Begin a session for the holder of an API key."""
    response = Response(status_code=204, headers=NO_STORE)
    if sessions is None:
        raise Problem(409, "This service has no API keys, so nobody has to sign in.")
    if not sessions.begin(response, request.scope, body.key):
        raise Problem(403, "That API key is not known here.")
    return response


@router.delete("", status_code=204)
async def sign_out(request: Request, sessions: SessionsDep) -> Response:
    """End the session in this browser."""
    response = Response(status_code=204, headers=NO_STORE)
    session = sessions.current(request.scope) if sessions else None
    if sessions and session:
        check_csrf(request.scope, session)
        sessions.end(response, request.scope)
    return response
