"""One incoming HTTP/1.1 response: parsed by llhttp, and handed on read by read, at a pace, or as a whole."""

import asyncio
from collections.abc import Mapping
from typing import Protocol

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

MAX_HEAD_BYTES = 32 * 1024
MAX_BODY_BYTES = 64 * 2**20
"""Limit for a body read as a whole; the vectors of the largest batch are a twentieth of it."""
MAX_HELD_BYTES = 2**20
"""Limit for body data that arrives faster than it is read; beyond it the server has to wait."""
LAST_CHUNK = b"0\r\n\r\n"
FIRST_FINAL_STATUS = 200


class HttpError(Exception):
    """The response is unusable, or it broke off."""


class ConnectionFailed(HttpError):
    """There is no connection, or it was lost before the response began: a retry may help."""


class Connection(Protocol):
    """The connection that a response arrives on."""

    @property
    def transport(self) -> asyncio.Transport: ...

    def release(self, *, keep: bool) -> None:
        """Take the connection back, to `keep` it for another exchange or to close it."""


class Answer:
    """Sends a request and receives its response. The parser calls the `on_...` methods, the connection `feed` and
    `cut`.

    Each wait for more bytes from the server is limited to `timeout_s`.
    """

    def __init__(self, connection: Connection, request: bytes, timeout_s: float) -> None:
        self.status = 0
        self.headers: Mapping[str, str] = {}
        """By name in lower case."""
        self.grace_s = 0.0
        """How long `close` waits for the end of the response, so that the connection can be reused."""
        self._loop = asyncio.get_running_loop()
        self._connection, self._timeout_s = connection, timeout_s
        self._parser = HttpResponseParser(self)
        self._head: dict[str, str] = {}
        self._head_bytes = self._held_bytes = 0
        self._is_complete = self._can_keep = self._is_left = self._is_closed = self._is_paused = False
        self._error: Exception | None = None
        self._unparsed = b""
        self._body: list[bytes] = []
        self._wants_head = True
        self._taken_s = self._due_s = 0.0
        self._waiter: asyncio.Future[None] | None = None
        self._pacer: asyncio.TimerHandle | None = None
        self._heard_s = self._loop.time()
        self._timer = self._loop.call_later(timeout_s, self._watch)
        connection.transport.write(request)

    async def head(self) -> None:
        """Wait until `status` and `headers` are known. Raises HttpError or TimeoutError."""
        while not self._is_ready():
            await self._wait()
        self._wants_head = False
        if self._error and not self.status:
            raise self._error

    async def read(self) -> bytes:
        """Return the whole body. Raises HttpError or TimeoutError."""
        parts, size = list[bytes](), 0
        while part := await self.some():
            parts.append(part)
            size += len(part)
            if size > MAX_BODY_BYTES:
                raise HttpError("too long")
        return b"".join(parts)

    async def some(self, pace_s: float = 0.0) -> bytes:
        """Return the part of the body that has arrived, or nothing at its end. Raises HttpError or TimeoutError.

        It waits for the first byte, and then for more until `pace_s` after it last returned, but never beyond the end.
        """
        self._due_s = self._taken_s + pace_s
        while not self._is_ready():
            await self._wait()
        if self._body:
            return self._take()
        if self._error:
            raise self._error
        return b""

    def close(self) -> None:
        """Release the connection. Unless the response is complete it is closed, which ends the work at the server."""
        self._timer.cancel()
        if self._is_closed:
            return
        if self.grace_s and not self._is_left and not self._is_over:
            self._is_left = True
            self._timer = self._loop.call_later(self.grace_s, self.close)
            return
        self._is_closed = True
        self._connection.release(keep=self._can_keep and not self._is_paused)

    def feed(self, data: bytes) -> None:
        """Take bytes from the server. They are parsed only once the reader is due to get more, except at the end."""
        self._unparsed += data
        if not self._pacer or self._unparsed.endswith(LAST_CHUNK) or len(self._unparsed) > MAX_HELD_BYTES:
            self._parse()
            self._go_on()

    def _parse(self) -> None:
        data, self._unparsed = self._unparsed, b""
        self._heard_s = self._loop.time()
        try:
            self._parser.feed_data(data)
        except (HttpParserError, HttpParserUpgrade):  # the first also for bytes after the end
            self._fail(HttpError("no HTTP"))
        if not self.status:
            self._head_bytes += len(data)
            self._limit_head()

    def cut(self, *, is_clean: bool) -> None:
        """Note that the connection was lost: the normal end of a body without an announced length, else a failure."""
        self._parse()
        if self.status and is_clean and not self._head.keys() & {"content-length", "transfer-encoding"}:
            self._is_complete = True
        self._fail(HttpError("cut") if self.status else ConnectionFailed("lost"))
        self._go_on()

    def on_message_begin(self) -> None:
        if self._is_complete:
            raise HttpError("a second answer to one request")  # the parser stops, and says so in its own error

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self.status:  # after it come trailers
            self._head[name.decode("latin-1").lower()] = value.decode("latin-1")
            self._head_bytes += len(name) + len(value)

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        self._limit_head()
        if status < FIRST_FINAL_STATUS:
            self._head = {}
        elif self._head.get("transfer-encoding", "chunked").lower() != "chunked":
            self._fail(HttpError("an unknown transfer encoding"))
        elif self._head.get("content-encoding", "identity").lower() != "identity":
            self._fail(HttpError("compressed, which was not asked for"))
        elif not self._error:
            self.status, self.headers = status, self._head

    def on_body(self, body: bytes) -> None:
        self._body.append(body)
        self._held_bytes += len(body)
        if self._held_bytes > MAX_HELD_BYTES and not self._is_paused:
            self._connection.transport.pause_reading()
            self._is_paused = True

    def on_message_complete(self) -> None:
        if self.status:
            self._is_complete, self._can_keep = True, self._parser.should_keep_alive()

    def _limit_head(self) -> None:
        if self._head_bytes > MAX_HEAD_BYTES:
            self._fail(HttpError("too long a head"))

    def _fail(self, error: Exception) -> None:
        self._can_keep = False
        if not self._is_over:
            self._error = error

    @property
    def _is_over(self) -> bool:
        return self._is_complete or self._error is not None

    def _is_ready(self) -> bool:
        """Say whether what the reader waits for has arrived."""
        if self._is_over:
            return True
        if self._wants_head:
            return self.status > 0
        return bool(self._body) and self._loop.time() >= self._due_s

    def _take(self) -> bytes:
        body = self._body[0] if len(self._body) == 1 else b"".join(self._body)
        self._body, self._held_bytes = [], 0
        self._taken_s = self._loop.time()
        if self._is_paused:
            self._connection.transport.resume_reading()
            self._is_paused = False
        return body

    async def _wait(self) -> None:
        self._waiter = self._loop.create_future()
        self._heard_s = self._loop.time()
        try:
            self._go_on()
            await self._waiter
        finally:
            self._waiter = None
            if self._pacer:
                self._pacer.cancel()
                self._pacer = None

    def _go_on(self) -> None:
        """Wake the waiting reader now, or later if what has arrived is not due yet."""
        if self._is_left and self._is_over:
            self.close()
        elif self._waiter and self._is_ready():
            self._wake()
        elif self._waiter and self._body and not self._wants_head and not self._pacer:
            self._pacer = self._loop.call_at(self._due_s, self._wake_as_due)

    def _wake_as_due(self) -> None:
        self._due_s = 0.0
        self._parse()
        self._wake()

    def _wake(self) -> None:
        if self._waiter and not self._waiter.done():
            self._waiter.set_result(None)

    def _watch(self) -> None:
        """Give up a wait that has taken too long, or check again when it may have."""
        left_s = self._heard_s + self._timeout_s - self._loop.time() if self._waiter else self._timeout_s
        if left_s > 0:
            self._timer = self._loop.call_later(left_s, self._watch)
        else:
            self._fail(TimeoutError())
            self._wake()
