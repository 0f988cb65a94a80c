"""uvicorn's HTTP protocol, with a bound on how long a client may take for a request's head.

uvicorn bounds the wait between two requests of a connection, and nothing else: a connection that sends its head a byte
at a time, or nothing, would be held for ever. How slow a body may be is app/security/body_limit.py's concern.
"""

import asyncio
from typing import TYPE_CHECKING

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

if TYPE_CHECKING:
    from asyncio import TimerHandle

HEAD_TIMEOUT_S = 10.0
"""From the connection, or the first byte of a further request, to the end of the head. nginx gives 60, Envoy 15."""


class PatientProtocol(HttpToolsProtocol):
    """Closes a connection whose request does not come."""

    _head_timer: "TimerHandle | None" = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._head_is_here()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        if self._head_timer is None:
            self._await_head()

    def on_headers_complete(self) -> None:
        self._head_is_here()
        super().on_headers_complete()

    def _await_head(self) -> None:
        self._head_timer = self.loop.call_later(HEAD_TIMEOUT_S, self.transport.abort)

    def _head_is_here(self) -> None:
        if self._head_timer:
            self._head_timer.cancel()
            self._head_timer = None
