"""R12: for a minute five times as many questions as there is room for; those let in are answered as if alone."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest

from tests.integration.load.asking import Asked, ask, quantile
from tests.integration.load.service import replica, resident_bytes
from tests.support.openai_server import ChatScript, OpenAiServer

pytestmark = pytest.mark.anyio
PLACES = 8
SCRIPT = ChatScript(pieces=("The answer", *[" is"] * 8, " here. [1]"), first_s=0.3, between_s=0.03)
ANSWER_S = 0.3 + 9 * 0.03
OVERLOAD_PER_S = 5 * PLACES / ANSWER_S
LASTS_S = 60
REFUSED_S = 0.02
RECOVERS_S = 2
GROWS_BYTES = 16 * 2**20


async def overload(session: aiohttp.ClientSession) -> list[Asked]:
    """Ask at a fixed rate, whatever becomes of the questions before."""
    clock = asyncio.get_running_loop()
    begun = clock.time()
    async with asyncio.TaskGroup() as questions:
        asked: list[asyncio.Task[Asked]] = []
        for number in range(round(LASTS_S * OVERLOAD_PER_S)):
            await asyncio.sleep(begun + number / OVERLOAD_PER_S - clock.time())
            asked.append(questions.create_task(ask(session)))
    return [task.result() for task in asked]


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What became of the questions before, during and after, and by how much the process grew."""

    alone: list[Asked]
    asked: list[Asked]
    after: Asked
    grown_bytes: int

    def first_s(self, status: int, share: float) -> float:
        """When the first byte came for this share of those that got this status under load."""
        return quantile([one.first_s for one in self.asked if one.status == status], share)

    def __str__(self) -> str:
        answered = sum(one.status == 200 for one in self.asked)
        return (
            f"{len(self.asked)} questions in {LASTS_S} s, room for {PLACES / ANSWER_S:.1f}/s: {answered} answered,"
            f" first token p99 {self.first_s(200, 0.99) * 1000:.0f} ms; alone {self.alone_s * 1000:.0f} ms;"
            f" refusals p95 {self.first_s(429, 0.95) * 1000:.1f} ms; {self.grown_bytes / 2**20:+.1f} MiB"
        )

    @property
    def alone_s(self) -> float:
        return quantile([one.first_s for one in self.alone], 0.5)


async def measured(folder: Path) -> Measured:
    """Ask alone, under load, and alone again at once. Raises TimeoutError where the service does not recover."""
    # A queue would trade refusals for a wait of up to a second.
    room = {"MAX_ACTIVE_QUERIES": str(PLACES), "MAX_WAITING_QUERIES": "0"}
    async with OpenAiServer(SCRIPT) as llm, replica(folder, llm.url, **room) as (process, client):
        connector = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(str(client.base_url), connector=connector) as session:
            alone = [await ask(session) for _ in range(10)]
            before = resident_bytes(process.pid)
            asked = await overload(session)
            grown_bytes = resident_bytes(process.pid) - before
            async with asyncio.timeout(RECOVERS_S):
                return Measured(alone=alone, asked=asked, after=await ask(session), grown_bytes=grown_bytes)


async def test_under_five_times_the_load_answers_are_as_fast_and_refusals_at_once(
    tmp_path: Path, say: Callable[[str], None]
) -> None:
    found = await measured(tmp_path)
    say(str(found))
    answered = [one for one in found.asked if one.status == 200]
    assert {one.status for one in found.asked} == {200, 429}
    assert all(one.whole for one in (*found.alone, *answered, found.after))
    assert len(answered) > 0.8 * LASTS_S * PLACES / ANSWER_S, "the places are not kept busy"
    assert found.first_s(200, 0.99) <= 2 * found.alone_s
    assert found.first_s(429, 0.95) <= REFUSED_S
    assert found.grown_bytes < GROWS_BYTES
