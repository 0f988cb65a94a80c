"""Connections to a Service go to one of its ready pods, drawn anew for each, as with kube-proxy."""

import asyncio
import random
import socket
from collections.abc import Callable, Sequence
from contextlib import suppress

Endpoint = tuple[str, int]
CONNECT_TIMEOUT_S = 3


class Relay:
    """Passes what arrives at a listening socket on to one of the endpoints there are at that moment."""

    def __init__(self, endpoints: Callable[[], Sequence[Endpoint]]) -> None:
        self._endpoints = endpoints

    async def listen(self, listening: socket.socket) -> asyncio.Server:
        return await asyncio.start_server(self._pass_on, sock=listening)

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            address, port = random.choice(self._endpoints())
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                back_reader, back_writer = await asyncio.open_connection(address, port)
        except (IndexError, OSError):
            writer.transport.abort()
            return
        try:
            await asyncio.gather(_pump(reader, back_writer), _pump(back_reader, writer))
        finally:
            writer.close()
            back_writer.close()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Copy until the end; what breaks here is broken there too."""
    try:
        while data := await reader.read(2**16):
            writer.write(data)
            await writer.drain()
        with suppress(OSError):
            writer.write_eof()
    except OSError:
        writer.transport.abort()
