"""R12: for a minute five times as many questions as there is room for; those let in are answered as if alone."""

import asyncio
from collections.abc import Callable
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


async def test_under_five_times_the_load_answers_are_as_fast_and_refusals_at_once(
    tmp_path: Path, say: Callable[[str], None]
) -> None:
    room = {
        "MAX_ACTIVE_QUERIES": str(PLACES),
        "MAX_WAITING_QUERIES": "0",
    }  # a queue trades refusals for a wait of up to a second
    async with OpenAiServer(SCRIPT) as llm, replica(tmp_path, llm.url, **room) as (process, client):
        connector = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(str(client.base_url), connector=connector) as session:
            unloaded = [await ask(session) for _ in range(10)]
            before = resident_bytes(process.pid)
            asked = await overload(session)
            grown = resident_bytes(process.pid) - before
            async with asyncio.timeout(RECOVERS_S):
                after = await ask(session)
    answered, refused = [a for a in asked if a.status == 200], [a for a in asked if a.status == 429]
    alone_s = quantile([a.first_s for a in unloaded], 0.5)
    loaded_s, refused_s = quantile([a.first_s for a in answered], 0.99), quantile([a.first_s for a in refused], 0.95)
    say(
        f"{len(asked)} questions in {LASTS_S} s, room for {PLACES / ANSWER_S:.1f}/s: {len(answered)} answered,"
        f" first token p99 {loaded_s * 1000:.0f} ms (alone {alone_s * 1000:.0f}); {len(refused)} refused, p95"
        f" {refused_s * 1000:.1f} ms; {grown / 2**20:+.1f} MiB"
    )
    assert len(answered) + len(refused) == len(asked)
    assert all(a.whole for a in (*unloaded, *answered, after))
    assert len(answered) > 0.8 * LASTS_S * PLACES / ANSWER_S, "the places are not kept busy"
    assert loaded_s <= 2 * alone_s
    assert refused_s <= REFUSED_S
    assert grown < GROWS_BYTES
