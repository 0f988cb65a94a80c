"""R11: a replica that is told to go under load fails no question that is still sent to it."""

import asyncio
import signal
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from tests.app.api.process import running
from tests.support.openai_server import ChatScript, OpenAiServer

pytestmark = pytest.mark.anyio
CLIENTS, ROUNDS = 8, 3
DOCUMENT = ("pools.md", b"The spot pool drains within thirty seconds of a notice.", "text/markdown")
QUESTION = {"query": "How fast does the spot pool drain?"}


class Load:
    """Clients that ask for passages, one question after the other, until `over`."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client
        self._answered = asyncio.Semaphore(0)
        self.over = False
        self.responses: list[httpx.Response] = []

    async def ask_on(self) -> None:
        while not self.over:
            self.responses.append(await self._client.post("/v1/retrieve", json=QUESTION))
            self._answered.release()

    async def some(self) -> None:
        """Wait until some more have been answered."""
        for _ in range(CLIENTS * ROUNDS):
            await self._answered.acquire()


@asynccontextmanager
async def held_stream(client: httpx.AsyncClient, llm: OpenAiServer) -> AsyncGenerator[list[str]]:
    """An answer under way for as long as the block runs. Afterwards its lines are in the list."""
    lines: list[str] = []
    async with client.stream("POST", "/v1/query", json={**QUESTION, "stream": True}) as response:
        await llm.asked.acquire()
        yield lines
        llm.resume.set()
        lines.extend([line async for line in response.aiter_lines()])


async def test_sigterm_under_load_fails_no_question_until_the_balancer_has_learnt_it(tmp_path: Path) -> None:
    patient = {"REQUEST_TIMEOUT_S": "60", "STREAM_IDLE_TIMEOUT_S": "60", "LOG_LEVEL": "error"}
    async with OpenAiServer(ChatScript(stall_after=1)) as llm, asyncio.timeout(60):
        chat = {"GENERATOR": "openai", "GENERATOR_URL": llm.url, "GENERATOR_MODEL": "m"}
        async with running(tmp_path, **chat, **patient) as (process, client):
            await client.post("/v1/documents", files={"file": DOCUMENT})
            load = Load(client)
            # The answer under way keeps the replica there, however long these clients take between two questions.
            async with held_stream(client, llm) as lines, asyncio.TaskGroup() as clients:
                for _ in range(CLIENTS):
                    clients.create_task(load.ask_on())
                await load.some()
                process.send_signal(signal.SIGTERM)
                while (await client.get("/readyz")).status_code == 200:
                    pass
                await load.some()
                load.over = True
            assert await process.wait() == 0
    assert {response.status_code for response in load.responses} == {200}
    assert load.responses[-1].headers["Connection"] == "close"
    assert "event: done" in lines
