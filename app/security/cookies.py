"""Cookies that no script reads and no other host sets."""

from collections.abc import Mapping
from typing import Literal

from starlette.requests import cookie_parser
from starlette.responses import Response
from starlette.types import Scope

from app.security.headers import header
from app.security.hosts import host_name, is_loopback

HOST_PREFIX = "__Host-"
"""Browsers accept a cookie with this prefix only over https, for this host alone and the path `/` (RFC 6265bis)."""

MAX_VALUE_BYTES = 4096 - 128
"""Browsers drop a cookie of more than 4096 bytes including its name and attributes (RFC 6265, section 6.1)."""


def is_local(scope: Scope) -> bool:
    """Whether a browser on this machine asks, over http. Elsewhere https is needed, or the cookie is not stored."""
    return is_loopback(host_name(header(scope, b"host") or ""))


def _name(scope: Scope, name: str) -> str:
    return name if is_local(scope) else HOST_PREFIX + name


def read_cookie(scope: Scope, name: str) -> str | None:
    """Return the cookie's value, or None."""
    cookies: Mapping[str, str] = cookie_parser(header(scope, b"cookie") or "")
    return cookies.get(_name(scope, name))


def set_cookie(
    response: Response,
    scope: Scope,
    name: str,
    value: str,
    *,
    for_s: int,
    samesite: Literal["strict", "lax"] = "strict",
) -> None:
    """Set a cookie that is sent back only with requests of our own pages; `for_s=0` deletes it.

    A `lax` one is also sent when another site sends the browser here.
    """
    response.set_cookie(
        _name(scope, name),
        value,
        max_age=for_s,
        path="/",
        secure=not is_local(scope),
        httponly=True,
        samesite=samesite,
    )
