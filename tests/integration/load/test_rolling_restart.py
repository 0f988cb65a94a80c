"""R11: three replicas are replaced one after the other, as a Deployment does it, and no client notices."""

import asyncio
import signal
import socket
from asyncio.subprocess import Process
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import pytest

from tests.integration.load.asking import Asked, ask
from tests.integration.load.service import replica
from tests.support.openai_server import ChatScript, OpenAiServer
from tests.support.pods.relay import Endpoint, Relay

pytestmark = pytest.mark.anyio
REPLICAS, CLIENTS = 3, 8
SCRIPT = ChatScript(pieces=("The answer", *[" is"] * 8, " here. [1]"), first_s=0.05, between_s=0.05)
PRE_STOP_S = 0.5
"""Stands for the ten seconds of `preStop`, in which every node learns that a pod goes; the relay learns it at once."""


@dataclass(slots=True)
class Service:
    """A Kubernetes Service: its ready replicas, and how a new one is started."""

    folder: Path
    model_url: str
    endpoints: list[Endpoint] = field(default_factory=list[Endpoint])
    started: int = 0

    async def start(self, running: AsyncExitStack) -> tuple[Process, Endpoint]:
        """Start a replica and send connections to it once it is ready."""
        self.started += 1
        process, client = await running.enter_async_context(replica(self.folder / str(self.started), self.model_url))
        (await client.get("/readyz")).raise_for_status()
        endpoint = (client.base_url.host, client.base_url.port or 0)
        self.endpoints.append(endpoint)
        return process, endpoint

    @asynccontextmanager
    async def address(self) -> AsyncGenerator[str]:
        listening = socket.create_server(("127.0.0.1", 0))
        server = await Relay(lambda: self.endpoints).listen(listening)
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.close()


async def ask_on(url: str, over: asyncio.Event, asked: list[Asked], *, stream: bool) -> None:
    """Ask one question after the other, on a connection that is kept where the server keeps it."""
    async with aiohttp.ClientSession(url) as session:
        while not over.is_set():
            asked.append(await ask(session, stream=stream))


async def test_replicas_are_replaced_without_a_failed_question(tmp_path: Path, say: Callable[[str], None]) -> None:
    over, whole, streamed = asyncio.Event(), list[Asked](), list[Asked]()
    async with OpenAiServer(SCRIPT) as llm, AsyncExitStack() as running, asyncio.timeout(120):
        service = Service(tmp_path, llm.url)
        old = [await service.start(running) for _ in range(REPLICAS)]
        async with service.address() as url, asyncio.TaskGroup() as clients:
            for number in range(CLIENTS):
                asked, stream = (streamed, True) if number % 2 else (whole, False)
                clients.create_task(ask_on(url, over, asked, stream=stream))
            for process, endpoint in old:
                await service.start(running)
                service.endpoints.remove(endpoint)
                await asyncio.sleep(PRE_STOP_S)
                process.send_signal(signal.SIGTERM)
                assert await process.wait() == 0
            over.set()
    say(f"{len(whole)} answers and {len(streamed)} streams while {REPLICAS} replicas were replaced")
    assert min(len(whole), len(streamed)) > 3 * CLIENTS
    assert {(a.status, a.whole) for a in (*whole, *streamed)} == {(200, True)}
