"""A server that answers HTTP requests with bytes of the test's choice, and then closes, resets or says no more.

async with RawServer(Act(HEAD + chunk(token("one")), then="reset")) as server:
    ... server.url, server.requests ...
"""

import asyncio
import json
import re
import socket
import struct
from dataclasses import dataclass
from types import TracebackType
from typing import Literal, Self

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
LAST_CHUNK = b"0\r\n\r\n"
AGAIN_S = 0.01


def chunk(data: bytes) -> bytes:
    """Return the data as one chunk of a chunked body."""
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


def token(text: str) -> bytes:
    """Return a piece of an answer as a chat endpoint streams it."""
    return f"data: {json.dumps({'choices': [{'delta': {'content': text}}]})}\n\n".encode()


@dataclass(frozen=True)
class Act:
    """What is sent in answer to one request, and what happens then. `again` is sent until the client leaves."""

    sent: bytes = b""
    then: Literal["close", "reset", "hang", "next"] = "close"
    """`next` waits for another request on the same connection."""
    again: bytes = b""


class RawServer:
    """Plays one act for each question; the last one is for all further ones. `left` is set when a client leaves.

    Whoever asks for the list of models, as health checks do, gets an empty answer that counts for nothing.
    """

    def __init__(self, *acts: Act) -> None:
        self._acts = list(acts)
        self.requests = self.connections = 0
        self.left = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/v1"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.create_task(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while method := await _request(reader):
                if method == b"GET":
                    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
                    continue
                self.requests += 1
                act = self._acts.pop(0) if len(self._acts) > 1 else self._acts[0]
                await self._play(act, reader, writer)
                if act.then != "next":
                    break
        finally:
            writer.close()

    async def _play(self, act: Act, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(act.sent)
        gone = asyncio.create_task(reader.read())
        try:
            while act.again and not (gone.done() or writer.is_closing()):
                writer.write(act.again)
                await asyncio.wait({gone}, timeout=AGAIN_S)
            if act.then == "hang":
                await gone
                self.left.set()
            elif act.then == "reset":
                await writer.drain()
                connection: socket.socket = writer.get_extra_info("socket")
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        finally:
            gone.cancel()
            await asyncio.gather(gone, return_exceptions=True)


async def _request(reader: asyncio.StreamReader) -> bytes:
    """Read a request; return its method, or nothing where the client has left."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except (asyncio.IncompleteReadError, ConnectionError):
        return b""
    if length := re.search(rb"(?i)content-length: (\d+)", head):
        await reader.readexactly(int(length.group(1)))
    return head.split(b" ", 1)[0]
