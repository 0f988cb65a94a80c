"""uvicorn's HTTP protocol with a limit on everything of a request but its body, and refusals that give a reason.

uvicorn and its parser accept a head of any size; one endless line, copied again with each piece, would block the event
loop. What is refused here never reaches the application, so neither the gate nor the metrics see it.
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
"""Request line and header fields; for a chunked body also its sizes, extensions and trailers. nginx takes 32 KiB in
four buffers, Node 16 KiB, Envoy 60."""
PIECE_BYTES = 8 * 1024
"""How much is parsed before it is counted: one read may hold the end of one request and the beginning of the next. So
heads of up to 24 KiB always pass, whatever came before them."""
CHUNK_BYTES = 16
"""Allowance for the size line of a chunk and its line ends."""
LAST_READ_S = 2.0
"""How long to go on reading from a refused client; otherwise the answer would be lost in a connection reset."""
TOO_LARGE = (
    f"The request's head has more than the {MAX_HEAD_BYTES} bytes that are taken; send fewer or shorter header fields. "
    "Cookies are among them."
)


class BoundedHeads(OneProtocol):
    """Answers 431 to a head that is too large and 400 to what is not HTTP, then closes the connection."""

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
            self.headers = []  # trailers follow; they must not be added to the headers that the application has

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
        """Size of a complete head as clients usually send it: one blank in each field, none around it."""
        fields = sum(len(name) + len(value) + len(b": \r\n") for name, value in self.headers)
        return len(self.parser.get_method()) + len(self.url) + len(b"  HTTP/1.1\r\n\r\n") + fields

    def _refuse(self, status: int, detail: str) -> None:
        """End the connection, once. Answer first, unless the answer would be taken for that to an earlier request."""
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
