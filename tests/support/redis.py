"""A real Redis or Valkey on loopback for tests, and a gate in front of it that can hold back what it answers."""

import asyncio
import os
import socket
import subprocess
import time
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path

from tests.support.certificates import NAME, Certificates
from tests.support.parts import executable

READY_TIMEOUT_S = 20
PASSWORD = "a-password-of-tests"


@contextmanager
def redis_server(
    directory: Path, *options: str, password: str = PASSWORD, certificates: Certificates | None = None
) -> Generator[str]:
    """Start a server that keeps nothing, wait until it answers, and yield its address; end it afterwards.

    With certificates it speaks TLS only.
    """
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    listening = _with_tls(port, certificates) if certificates else ["--port", str(port)]
    command = [executable("redis"), *listening, "--bind", "127.0.0.1", "--save", "", "--dir", str(directory)]
    with (directory / "redis.log").open("wb") as log:
        process = subprocess.Popen(
            [*command, "--requirepass", password, *options], stdout=log, stderr=log, env={"PATH": os.environ["PATH"]}
        )
    try:
        _wait_until_ready(port, process, directory / "redis.log")
        yield f"rediss://{NAME}:{port}" if certificates else f"redis://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


def _with_tls(port: int, certificates: Certificates) -> list[str]:
    server, authority = str(certificates.server), str(certificates.authority)
    files = ["--tls-cert-file", server, "--tls-key-file", server, "--tls-ca-cert-file", authority]
    return ["--port", "0", "--tls-port", str(port), *files, "--tls-auth-clients", "no"]


def _wait_until_ready(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + READY_TIMEOUT_S
    while time.monotonic() < deadline and process.poll() is None:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.01)
    raise AssertionError(f"Redis did not become ready; its log ends:\n{log.read_text()[-2000:]}")


class Gate:
    """A TCP proxy. While `is_shut` the server's answers stay behind it; `cut` closes every connection through it."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._open = asyncio.Event()
        self._open.set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self.connections = 0
        self.url = ""

    def shut(self) -> None:
        self._open.clear()

    def open(self) -> None:
        self._open.set()

    def cut(self) -> None:
        for writer in self._writers:
            writer.transport.abort()

    async def close(self) -> None:
        self.cut()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._tasks.add(asyncio.create_task(self._carry(reader, writer)))

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        there, back = await asyncio.open_connection("127.0.0.1", self._port)
        self._writers |= {writer, back}
        await asyncio.gather(self._pass(there, writer, held=True), self._pass(reader, back, held=False))

    async def _pass(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, *, held: bool) -> None:
        with suppress(OSError):
            while data := await source.read(65536):
                if held:
                    await self._open.wait()
                if sink.is_closing():
                    break
                sink.write(data)
        sink.transport.abort()


@asynccontextmanager
async def gate_to(url: str) -> AsyncGenerator[Gate]:
    """Yield a gate in front of the server at an address; its own is `Gate.url`."""
    gate = Gate(int(url.rpartition(":")[2]))
    server = await asyncio.start_server(gate.accept, "127.0.0.1", 0)
    gate.url = f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield gate
    finally:
        server.close()
        await gate.close()
