"""Limits on the size of a request body and on how slowly it may arrive; a body that breaks one is refused at once."""

import asyncio
import time
from collections.abc import Awaitable

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.problems import problem

JSON_BYTES = 2**20
"""The longest question and conversation are far smaller, and a megabyte of JSON parses in milliseconds."""
MULTIPART_OVERHEAD_BYTES = 64 * 1024
"""Room for boundaries, headers and the source URI around an uploaded document."""
UPLOAD_PATH = "/v1/documents"
MAX_DISCARDED_BYTES = 64 * 2**20
"""A body announced as too large, up to this size, is read and discarded: its sender then sees the answer."""
PAUSE_S = 10.0
"""The longest wait for more bytes, and the extra time granted beyond what the slowest rate would take."""
SLOWEST_BYTES_PER_S = 4096
"""A weak phone connection is ten times as fast; slower senders would block a place for others."""


class BodyLimit:
    """Answers 413 to a body larger than its route accepts, and 408 to one that does not arrive."""

    def __init__(self, app: ASGIApp, max_upload_bytes: int) -> None:
        self.app = app
        self.upload_bytes = max_upload_bytes + MULTIPART_OVERHEAD_BYTES

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if scope["type"] != "http":
            return self.app(scope, receive, send)
        limit = self.upload_bytes if scope["path"] == UPLOAD_PATH else JSON_BYTES
        announced = max((int(value) for name, value in scope["headers"] if name == b"content-length"), default=0)
        if announced > limit:
            return _refuse(limit, announced, scope, receive, send)
        body = _CheckedBody(limit, scope, Body(receive), send)
        return self.app(scope, body.receive, body.send)


async def _refuse(limit: int, announced: int, scope: Scope, receive: Receive, send: Send) -> None:
    if announced <= MAX_DISCARDED_BYTES:
        await _discard(Body(receive))
    await _too_large(limit, close=announced > MAX_DISCARDED_BYTES)(scope, receive, send)


class Body:
    """A request body while it arrives. Once it is complete, waiting for the client to leave has no time limit."""

    def __init__(self, receive: Receive) -> None:
        self._receive, self._started = receive, time.monotonic()
        self._is_complete = False
        self.received = 0

    async def receive(self) -> Message:
        """Return the next message. Raises TimeoutError if the body stalls or arrives too slowly."""
        if self._is_complete:
            return await self._receive()
        due = self._started + PAUSE_S + self.received / SLOWEST_BYTES_PER_S
        async with asyncio.timeout(min(PAUSE_S, due - time.monotonic())):
            message = await self._receive()
        self.received += len(message.get("body", b""))
        self._is_complete = not message.get("more_body", False)
        return message


class _CheckedBody:
    """Answers by itself if the body is too large or too slow; to the application the client then seems to have left."""

    def __init__(self, limit: int, scope: Scope, body: Body, send: Send) -> None:
        self._limit, self._scope, self._body, self._send = limit, scope, body, send
        self._is_refused = self._has_begun = False

    async def receive(self) -> Message:
        try:
            message = await self._body.receive()
        except TimeoutError:
            return await self._refuse(_too_slow())
        if self._body.received <= self._limit:
            return message
        return await self._refuse(_too_large(self._limit, close=True))

    async def _refuse(self, response: Response) -> Message:
        self._is_refused = True
        if not self._has_begun:
            await response(self._scope, self._body.receive, self._send)
        return {"type": "http.disconnect"}

    def send(self, message: Message) -> Awaitable[None]:
        if self._is_refused:
            return _nothing()
        self._has_begun = True
        return self._send(message)


async def _nothing() -> None: ...


async def _discard(body: Body) -> None:
    try:
        while (await body.receive()).get("more_body", False):
            pass
    except TimeoutError:
        return


def _too_large(limit: int, *, close: bool) -> Response:
    headers = {"Connection": "close"} if close else None
    return problem(413, f"The request body is larger than the {limit} bytes that this address takes.", headers=headers)


def _too_slow() -> Response:
    slow = f"nothing for {PAUSE_S:.0f} s, or under {SLOWEST_BYTES_PER_S} bytes a second"
    detail = f"The request body comes too slowly: {slow}."
    return problem(408, detail, headers={"Connection": "close"})
