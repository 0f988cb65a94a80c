"""uvicorn's HTTP protocol, with a bound on what a request holds beside its body, and refusals that say why.

uvicorn and its parser take a head of any size: one endless line, copied anew with each piece of it, keeps the event
loop from everybody. What is refused here is none of the application's requests, so neither gate nor metrics see it.
"""

import logging
from typing import TYPE_CHECKING

from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from app.api.problems import problem
from app.serving.unasked_protocols import OneProtocol

if TYPE_CHECKING:
    from asyncio import TimerHandle

log = logging.getLogger("ragspan.request")

MAX_HEAD_BYTES = 32 * 1024
"""Request line and fields; for a chunked body also its sizes, extensions and trailers. nginx takes 32 KiB in four
buffers, Node 16 KiB, Envoy 60."""
PIECE_BYTES = 8 * 1024
"""Parsed at once, before it is counted: what a connection brings at once may be the end of one request and some more.
So heads of 24 KiB always pass, whatever came before them."""
CHUNK_BYTES = 16
"""The size of a chunk, and the ends of its lines."""
LAST_READ_S = 2.0
"""What a refused client still sends is read for so long, or the answer would be lost in a reset of the connection."""
TOO_LARGE = (
    f"The request's head has more than the {MAX_HEAD_BYTES} bytes that are taken; send fewer or shorter header fields. "
    "Cookies are among them."
)


class BoundedHeads(OneProtocol):
    """431 for a request whose head is too large, 400 for what is not HTTP, each as a problem; then the end."""

    _beside_body = 0
    _is_refused = False
    _last_read_timer: "TimerHandle | None" = None

    def connection_lost(self, exc: Exception | None) -> None:
        if self._last_read_timer:
            self._last_read_timer.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        for start in range(0, len(data), PIECE_BYTES):
            if self._is_refused or self.transport.is_closing():
                return
            piece = data[start : start + PIECE_BYTES]
            super().data_received(piece)
            self._beside_body = max(0, self._beside_body + len(piece))
            if self._beside_body > MAX_HEAD_BYTES:
                self._refuse(431, TOO_LARGE)

    def on_message_begin(self) -> None:
        self._beside_body = 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        if self._head_bytes() > MAX_HEAD_BYTES:
            self._refuse(431, TOO_LARGE)
        if not self._is_refused:
            super().on_headers_complete()
            self.headers = []  # for trailers, which must not join the fields that the application has been given

    def on_body(self, body: bytes) -> None:
        self._beside_body -= len(body)
        if not self._is_refused:
            super().on_body(body)

    def on_message_complete(self) -> None:
        if not self._is_refused:
            super().on_message_complete()

    def on_chunk_header(self) -> None:
        self._beside_body -= CHUNK_BYTES

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - uvicorn's own words
        self._refuse(400, "What came is not a request of HTTP/1.1.")

    def _head_bytes(self) -> int:
        """Size of a head that is whole, as clients send it: one blank in a field, none around it."""
        fields = sum(len(name) + len(value) + len(b": \r\n") for name, value in self.headers)
        return len(self.parser.get_method()) + len(self.url) + len(b"  HTTP/1.1\r\n\r\n") + fields

    def _refuse(self, status: int, detail: str) -> None:
        """End the connection, once; with an answer, unless it would be taken for that to an earlier request."""
        if self._is_refused:
            return
        self._is_refused = True
        log.info("refused before it was a request: %d", status)
        self._unset_keepalive_if_required()
        if not self._may_answer():
            self.transport.close()
            return
        if self.cycle:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        response = problem(status, detail, headers={"Connection": "close"})
        fields = [*self.server_state.default_headers, *response.raw_headers]
        lines = (b"%b: %b\r\n" % field for field in fields)
        self.transport.write(b"".join((STATUS_LINE[status], *lines, b"\r\n", bytes(response.body))))
        self.transport.write_eof()
        self._last_read_timer = self.loop.call_later(LAST_READ_S, self.transport.abort)

    def _may_answer(self) -> bool:
        cycle = self.cycle
        if not cycle or cycle.response_complete:
            return True
        return cycle.more_body and not cycle.response_started and not self.pipeline
