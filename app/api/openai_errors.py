"""Errors in OpenAI's format, on the addresses that OpenAI's API has.

Routes and middleware raise and send problems as everywhere else; this layer, outside of them all, converts each one.
"""

import json
from collections.abc import Awaitable, Mapping
from typing import Any

from starlette.datastructures import MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.errors import log_error, problem_of

CHAT_PATH = "/v1/chat/completions"
MODELS_PATH = "/v1/models"
ADDRESSES = tuple(f"{path}/" for path in (CHAT_PATH, MODELS_PATH, "/v1/completions", "/v1/embeddings", "/v1/responses"))
"""The addresses that OpenAI's clients use, and everything below them. The last three do not exist here, and the clients
understand that only in this format."""
INVALID = 400
UNPROCESSABLE = 422
"""OpenAI answers 400 where we answer 422 elsewhere, and its clients map 400 to BadRequestError."""
SERVER_FAULTS = 500
TYPES: Mapping[int, tuple[str, str | None]] = {
    401: ("invalid_request_error", "invalid_api_key"),
    403: ("permission_error", None),
    429: ("rate_limit_error", "rate_limit_exceeded"),
}
"""`type` and `code` by status, where OpenAI has special ones."""


def is_openai(path: str) -> bool:
    return f"{path}/".startswith(ADDRESSES)


def envelope(problem: Mapping[str, Any]) -> dict[str, Any]:
    """Return the problem as OpenAI's error object, including its `code` and `param`."""
    default = ("server_error" if problem["status"] >= SERVER_FAULTS else "invalid_request_error", None)
    kind, code = TYPES.get(problem["status"], default)
    fields = [fault["field"] for fault in problem.get("errors", ())]
    param = problem.get("param") or next(iter(fields), None)
    return {"error": {"message": problem["detail"], "type": kind, "param": param, "code": problem.get("code", code)}}


class OpenAiErrors:
    """ASGI middleware: converts every problem on these addresses, whoever sent it."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if scope["type"] != "http" or not is_openai(scope["path"]):
            return self.app(scope, receive, send)
        return self._translate(scope, receive, send)

    async def _translate(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = _Translated(send)
        try:
            return await self.app(scope, receive, response.send)
        except Exception as error:
            if response.has_begun:
                raise
            log_error(error)
            problem = problem_of(error)
            return await JSONResponse(envelope(problem.body()), problem.status)(scope, receive, send)


class _Translated:
    """Passes a response on, converting it if it is a problem."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._problem_start: Message | None = None
        self._body = b""
        self.has_begun = False

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.has_begun = True
            if MutableHeaders(raw=message["headers"]).get("content-type") == "application/problem+json":
                self._problem_start = message
                return
        if self._problem_start is None:
            await self._send(message)
            return
        self._body += message.get("body", b"")
        if not message.get("more_body", False):
            await self._send_envelope(self._problem_start)

    async def _send_envelope(self, start: Message) -> None:
        body = json.dumps(envelope(json.loads(self._body))).encode()
        headers = MutableHeaders(raw=list(start["headers"]))
        headers["content-type"], headers["content-length"] = "application/json", str(len(body))
        status = INVALID if start["status"] == UNPROCESSABLE else start["status"]
        await self._send({"type": "http.response.start", "status": status, "headers": headers.raw})
        await self._send({"type": "http.response.body", "body": body})
