"""uvicorn's HTTP protocol with limits on how long a client may take to send a request's head and to read an answer.

uvicorn limits only the wait between two requests of a connection: one that sends its head a byte at a time, sends
nothing, or does not read would be held for ever. The speed of bodies is checked in app/security/body_limit.py, the size
of heads in app/serving/request_heads.py.
"""

import asyncio
from typing import TYPE_CHECKING

from app.serving.head_with_body import HeadWithBody
from app.serving.request_heads import BoundedHeads

if TYPE_CHECKING:
    from asyncio import TimerHandle

HEAD_TIMEOUT_S = 10.0
"""From the connection, or the first byte of a later request, to the end of the head. nginx allows 60, Envoy 15."""

READ_CHECK_S = 15.0
"""How often to check how much a client has read of an answer larger than the connection's buffers."""
SLOWEST_BYTES_PER_S = 4096
"""A client that reads more slowly is disconnected, like one that sends a body as slowly."""


class PatientProtocol(BoundedHeads):
    """Closes a connection whose request does not arrive or whose answer is not read."""

    _head_timer: "TimerHandle | None" = None
    _read_timer: "TimerHandle | None" = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._head_is_here()
        self._is_read()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        if self._head_timer is None:
            self._await_head()

    def on_headers_complete(self) -> None:
        self._head_is_here()
        before = self.cycle
        super().on_headers_complete()
        if self.cycle is not before:
            self.cycle.transport = HeadWithBody(self.transport, self.loop)  # pyright: ignore[reportAttributeAccessIssue] - what a response uses of one

    def pause_writing(self) -> None:
        super().pause_writing()
        self._check_read_later()

    def resume_writing(self) -> None:
        self._is_read()
        super().resume_writing()

    def _check_read_later(self) -> None:
        unsent = self.transport.get_write_buffer_size()
        self._read_timer = self.loop.call_later(READ_CHECK_S, self._check_read, unsent)

    def _check_read(self, unsent_before: int) -> None:
        taken = unsent_before - self.transport.get_write_buffer_size()
        if taken < min(unsent_before, READ_CHECK_S * SLOWEST_BYTES_PER_S):
            self.transport.abort()
        else:
            self._check_read_later()

    def _is_read(self) -> None:
        if self._read_timer:
            self._read_timer.cancel()
            self._read_timer = None

    def _await_head(self) -> None:
        self._head_timer = self.loop.call_later(HEAD_TIMEOUT_S, self.transport.abort)

    def _head_is_here(self) -> None:
        if self._head_timer:
            self._head_timer.cancel()
            self._head_timer = None
