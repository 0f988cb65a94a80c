"""Exception handlers: turn every error that a route may raise into a problem response."""

import logging
from collections.abc import Mapping
from http import HTTPStatus
from math import ceil

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from app.api.disconnect import ClientGone
from app.api.problems import Problem, invalid
from app.ports import (
    DependencyFailed,
    DependencyTimeout,
    DependencyUnavailable,
    IndexMismatch,
    RequestRefused,
    ServiceError,
    StaleVersion,
)

log = logging.getLogger("ragspan.api")

DEPENDENCY_NAMES: Mapping[str, str] = {
    "vector_store": "the document index",
    "embedder": "the embedding service",
    "generator": "the answer generator",
}
RETRY_AFTER_S = 2
"""Used if the dependency does not say how long it will be away."""
NOT_JSON = "The request body is not JSON in UTF-8."
NOT_A_FORM = "The request body is not multipart/form-data with the boundary that its Content-Type names."
HTTP_DETAILS: Mapping[int, str] = {
    400: NOT_JSON,
    404: "There is nothing at this address.",
    405: "This address does not take this method.",
}


NOT_A_FILE = "send it as a file, with a file name"
FAULTS: Mapping[str, str] = {
    "model_attributes_type": "send a JSON object, with the header Content-Type: application/json",
    "missing": "it is required; send it",
}
"""Messages for clients in place of pydantic's wording for programmers, by type of fault."""


def problem_of(error: Exception) -> Problem:
    """Return what a client may know about an error; the error's own text is for the log alone."""
    match error:
        case Problem():
            return error
        case DependencyUnavailable():
            return _of_dependency(error)
        case IndexMismatch():
            return Problem(
                503,
                "The document index was built with another embedding model, or cut in another way; "
                "its operator must rebuild it.",
            )
        case StaleVersion():
            return Problem(409, "A newer version of this document is already in the index; nothing was changed.")
        case _:
            return Problem(500, "The service failed; its log has the reason.")


def _of_dependency(error: DependencyUnavailable) -> Problem:
    """422 if it refuses this request, 504 for silence, 502 for an error, 503 if it is down or asks to wait."""
    name = DEPENDENCY_NAMES.get(error.dependency, "a dependency")
    name = name[0].upper() + name[1:]
    if isinstance(error, RequestRefused):
        detail = f"{name} refuses this request: shorten it; if short ones are refused too, tell the service's operator."
        return Problem(422, detail, refused_by=error.dependency)
    if isinstance(error, DependencyTimeout):
        return Problem(504, f"{name} did not answer in time.")
    if isinstance(error, DependencyFailed):
        return Problem(502, f"{name} answered with an error.")
    after_s = str(ceil(error.retry_after_s or RETRY_AFTER_S))
    return Problem(503, f"{name} is unavailable; try again shortly.", headers={"Retry-After": after_s})


def log_error(error: Exception) -> None:
    """Log an error, with a stack trace only if nobody foresaw it."""
    if isinstance(error, ServiceError):
        log.warning(str(error), extra={"error": type(error).__name__})
    elif not isinstance(error, Problem | ClientGone):
        log.error("unforeseen %s", type(error).__name__, exc_info=error)


def response_to(error: Exception) -> Response:
    """Log what a route raised and return what its client gets."""
    if isinstance(error, ClientGone):
        return Response(status_code=499)  # only the request log and the metrics see it
    log_error(error)
    return problem_of(error).response()


async def _handle(_request: Request, error: Exception) -> Response:
    return response_to(error)


async def _handle_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for nothing else
    is_form = error.status_code == HTTPStatus.BAD_REQUEST and "multipart/" in request.headers.get("content-type", "")
    detail = NOT_A_FORM if is_form else HTTP_DETAILS.get(error.status_code, "The request is not understood.")
    return Problem(error.status_code, detail, headers=error.headers).response()


async def _handle_invalid(_request: Request, error: Exception) -> Response:
    """Name the field and what is allowed, never the value, which may be a document or a key."""
    assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for nothing else
    faults = error.errors()
    if any(fault["type"] == "json_invalid" for fault in faults):
        return Problem(400, NOT_JSON).response()
    fields = [".".join(str(part) for part in fault["loc"][1:]) or str(fault["loc"][0]) for fault in faults]
    messages = [_sentence(fault["type"], str(fault["msg"]).removeprefix("Value error, ")) for fault in faults]
    return invalid(*zip(fields, messages, strict=True)).response()


def _sentence(kind: str, message: str) -> str:
    return NOT_A_FILE if message.startswith("Expected UploadFile") else FAULTS.get(kind, message)


def add_error_handlers(app: FastAPI) -> None:
    app.add_exception_handler(RequestValidationError, _handle_invalid)
    app.add_exception_handler(HTTPException, _handle_http)
    app.add_exception_handler(ClientGone, _handle)
    app.add_exception_handler(Problem, _handle)
    app.add_exception_handler(ServiceError, _handle)
    app.add_exception_handler(Exception, _handle)
