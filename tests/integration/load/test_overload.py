"""R12: for a minute five times as many questions as there is room for; those let in are answered as if alone."""

import asyncio
import time
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
AT_ONCE_S = 0.015
"""What waits for nothing and takes longer would have been late as a refusal, which may wait 5 ms for a place."""
LATE_SHARE = 0.01
PROBED_EVERY_S = 0.1
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


async def probe(session: aiohttp.ClientSession, took_s: list[float]) -> None:
    """Ask again and again for what is never refused and takes no time: what it takes is the machine's."""
    while True:
        begun = time.perf_counter()
        async with session.get("/healthz") as response:
            await response.read()
        took_s.append(time.perf_counter() - begun)
        await asyncio.sleep(PROBED_EVERY_S)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What became of the questions before, during and after, and by how much the process grew."""

    alone: list[Asked]
    asked: list[Asked]
    probes_s: list[float]
    """Of `/healthz` during the load."""
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
            f" refusals p50 {self.first_s(429, 0.5) * 1000:.1f} ms,"
            f" p95 {self.first_s(429, 0.95) * 1000:.1f} ms, p99 {self.first_s(429, 0.99) * 1000:.1f} ms;"
            f" {self.late_share:.1%} late, by the machine {self.machine_share:.1%}; {self.grown_bytes / 2**20:+.1f} MiB"
        )

    @property
    def late_share(self) -> float:
        """How many of the refusals took longer than they may."""
        refused = [one.first_s for one in self.asked if one.status == 429]
        return sum(s > REFUSED_S for s in refused) / len(refused)

    @property
    def machine_share(self) -> float:
        """How many were late of what waits for nothing."""
        return sum(s > AT_ONCE_S for s in self.probes_s) / len(self.probes_s)

    @property
    def alone_s(self) -> float:
        return quantile([one.first_s for one in self.alone], 0.5)


async def measured(folder: Path) -> Measured:
    """Ask alone, under load, and alone again at once. Raises TimeoutError where the service does not recover."""
    room = str(PLACES)
    async with OpenAiServer(SCRIPT) as llm, replica(folder, llm.url, MAX_ACTIVE_QUERIES=room) as (process, client):
        connector = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(str(client.base_url), connector=connector) as session:
            alone = [await ask(session) for _ in range(10)]
            before = resident_bytes(process.pid)
            probing = asyncio.create_task(probe(session, probes_s := list[float]()))
            asked = await overload(session)
            probing.cancel()
            grown_bytes = resident_bytes(process.pid) - before
            async with asyncio.timeout(RECOVERS_S):
                after = await ask(session)
    return Measured(alone=alone, asked=asked, probes_s=probes_s, after=after, grown_bytes=grown_bytes)


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
    assert found.late_share <= LATE_SHARE + 2 * found.machine_share, "more are late than the machine makes late"
    assert found.grown_bytes < GROWS_BYTES
