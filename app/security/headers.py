"""Reads a request's headers from its ASGI scope, before the application sees them."""

from starlette.types import Scope


def header(scope: Scope, name: bytes) -> str | None:
    """Return the header's value, None if absent. If it was sent twice, it is empty, which no check accepts."""
    values: list[bytes] = [value for key, value in scope["headers"] if key == name]
    return (values[0].decode("latin-1") if len(values) == 1 else "") if values else None


def bearer_token(scope: Scope) -> str | None:
    """Return the credentials of `Authorization: Bearer`, or None."""
    scheme, _, credentials = (header(scope, b"authorization") or "").partition(" ")
    return credentials.strip() or None if scheme.lower() == "bearer" else None
