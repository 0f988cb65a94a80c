"""How much of a request body is taken: what is too large is refused by its announced length, or when it gets there."""

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.problems import problem

JSON_BYTES = 2**20
"""The longest question and conversation are far smaller; a megabyte of JSON parses in milliseconds."""
MULTIPART_OVERHEAD_BYTES = 64 * 1024
"""Room for boundaries, headers and the source URI around an uploaded document."""
UPLOAD_PATH = "/v1/documents"
MAX_DISCARDED_BYTES = 64 * 2**20
"""An announced body up to this size is read and thrown away, so that its sender sees the answer and not a reset."""


class BodyLimit:
    """413 for a body that is larger than its route takes."""

    def __init__(self, app: ASGIApp, max_upload_bytes: int) -> None:
        self.app = app
        self.upload_bytes = max_upload_bytes + MULTIPART_OVERHEAD_BYTES

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        limit = self.upload_bytes if scope["path"] == UPLOAD_PATH else JSON_BYTES
        announced = max((int(value) for name, value in scope["headers"] if name == b"content-length"), default=0)
        if announced > limit:
            if announced <= MAX_DISCARDED_BYTES:
                await _discard(receive)
            return await _too_large(limit, close=announced > MAX_DISCARDED_BYTES)(scope, receive, send)
        body = _CountedBody(limit, scope, receive, send)
        return await self.app(scope, body.receive, body.send)


class _CountedBody:
    """Once too much has come, answers 413 itself; to the application it looks as if the client had left."""

    def __init__(self, limit: int, scope: Scope, receive: Receive, send: Send) -> None:
        self._limit, self._scope, self._receive, self._send = limit, scope, receive, send
        self._received = 0

    async def receive(self) -> Message:
        message = await self._receive()
        self._received += len(message.get("body", b""))
        if self._received <= self._limit:
            return message
        await _too_large(self._limit, close=True)(self._scope, self._receive, self._send)
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        if self._received <= self._limit:
            await self._send(message)


async def _discard(receive: Receive) -> None:
    while (await receive()).get("more_body", False):
        pass


def _too_large(limit: int, *, close: bool) -> Response:
    headers = {"Connection": "close"} if close else None
    return problem(413, f"The request body is larger than the {limit} bytes that this address takes.", headers=headers)
