"""Errors as RFC 9457 problem+json. Their text is written here; nothing that a dependency said reaches a client."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from starlette.responses import JSONResponse


class Problem(Exception):
    """A request cannot be answered; `detail` is a sentence for the client."""

    def __init__(self, status: int, detail: str, *, headers: Mapping[str, str] | None = None, **members: Any) -> None:
        super().__init__(detail)
        self.status, self.detail, self.headers, self.members = status, detail, headers, members

    def body(self) -> dict[str, Any]:
        """Return the problem object, for a response or for the last event of a stream."""
        title = HTTPStatus(self.status).phrase
        return {"type": "about:blank", "title": title, "status": self.status, "detail": self.detail, **self.members}

    def response(self) -> JSONResponse:
        return JSONResponse(self.body(), self.status, self.headers, media_type="application/problem+json")


def invalid(*faults: tuple[str, str]) -> Problem:
    """Return the problem for an invalid request. Each fault is a field and what to send instead."""
    detail = "; ".join(f"{field}: {message}" for field, message in faults)
    errors = [{"field": field, "message": message} for field, message in faults]
    return Problem(422, f"The request is not valid: {detail}.", errors=errors)


def problem(status: int, detail: str, *, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """Return a problem as a response, for middleware, whose exceptions would not reach the handlers."""
    return Problem(status, detail, headers=headers).response()
