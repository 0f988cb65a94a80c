"""R11: a replica that is told to go under load fails no question that is still sent to it."""

import asyncio
import signal
from pathlib import Path

import httpx
import pytest

from tests.app.api.process import running

pytestmark = pytest.mark.anyio
DOCUMENT = ("pools.md", b"The spot pool drains within thirty seconds of a notice.", "text/markdown")
QUESTION = {"query": "How fast does the spot pool drain?"}


async def answers(answered: asyncio.Semaphore, number: int) -> None:
    for _ in range(number):
        await answered.acquire()


async def test_sigterm_under_load_fails_no_question_until_the_balancer_has_learnt_it(tmp_path: Path) -> None:
    answered = asyncio.Semaphore(0)
    responses: list[httpx.Response] = []
    leaving = asyncio.Event()

    async def ask_on(client: httpx.AsyncClient) -> None:
        while not leaving.is_set():
            responses.append(await client.post("/v1/query", json=QUESTION))
            answered.release()

    async with running(tmp_path, LOG_LEVEL="error") as (process, client):
        await client.post("/v1/documents", files={"file": DOCUMENT})
        async with asyncio.timeout(60), asyncio.TaskGroup() as clients:
            for _ in range(8):
                clients.create_task(ask_on(client))
            await answers(answered, 24)
            process.send_signal(signal.SIGTERM)
            while (await client.get("/readyz")).status_code == 200:
                pass
            await answers(answered, 24)
            leaving.set()
        assert await process.wait() == 0
    assert {response.status_code for response in responses} == {200}
    assert responses[-1].headers["Connection"] == "close"
