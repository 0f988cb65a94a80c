"""Sends a response's head together with the first part of its body: one system call, and the client is woken once.

uvicorn writes each of them separately, and an idle connection sends at once whatever is written.
"""

import asyncio


class HeadWithBody:
    """The transport of one response: holds the first write back until the second or the loop's next round."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport, self._loop = transport, loop
        self._head: bytes | None = None
        self._has_begun = False

    def write(self, data: bytes) -> None:
        if not self._has_begun:
            self._has_begun, self._head = True, data
            self._loop.call_soon(self._let_go)
        elif self._head is not None:
            data, self._head = self._head + data, None
            self._transport.write(data)
        else:
            self._transport.write(data)

    def close(self) -> None:
        self._let_go()
        self._transport.close()

    def is_closing(self) -> bool:
        return self._transport.is_closing()

    def _let_go(self) -> None:
        if self._head is not None:
            self._transport.write(self._head)
            self._head = None
