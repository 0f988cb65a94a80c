"""The service's HTTP protocol on a connection that is none: what it reads is bytes, what it writes is kept."""

import asyncio
from collections.abc import Sequence

import uvicorn
from starlette.types import Receive, Scope, Send
from uvicorn.server import ServerState

from app.serving.slow_clients import PatientProtocol

Request = tuple[str, str, list[tuple[bytes, bytes]], bytes]


class _Kept(asyncio.Transport):
    def __init__(self) -> None:
        super().__init__({"peername": ("127.0.0.1", 1), "sockname": ("127.0.0.1", 2)})
        self.written, self._is_closing = b"", False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += data

    def write_eof(self) -> None:
        self._is_closing = True

    close = abort = write_eof

    def is_closing(self) -> bool:
        return self._is_closing

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...


async def exchange(pieces: Sequence[bytes]) -> tuple[list[Request], bytes]:
    """Return the requests that the application got of these pieces, and what was written; each is answered by 204."""
    requests: list[Request] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        body = b""
        while (message := await receive())["type"] == "http.request":
            body += message["body"]
            if not message["more_body"]:
                requests.append((scope["method"], scope["path"], list(scope["headers"]), body))
                await send({"type": "http.response.start", "status": 204, "headers": []})
                await send({"type": "http.response.body", "body": b""})

    config = uvicorn.Config(app, lifespan="off", log_config=None, access_log=False, ws="none")  # pyright: ignore[reportArgumentType] - uvicorn has types of its own for the same protocol
    state, transport = ServerState(), _Kept()
    protocol = PatientProtocol(config, state, {})
    protocol.connection_made(transport)
    for piece in pieces:
        protocol.data_received(piece)
    while state.tasks and any(not task.done() for task in state.tasks):
        done = len(requests)
        for _ in range(8):
            await asyncio.sleep(0)
        if len(requests) == done:
            break
    protocol.connection_lost(None)
    await asyncio.gather(*state.tasks)
    return requests, transport.written
