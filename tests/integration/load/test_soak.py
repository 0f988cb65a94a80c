"""R13: sixteen clients for minutes on end, with key, limits, cache and traces: nothing fails, and neither memory nor
descriptors grow.

`SOAK_SECONDS=1800 make test-load` soaks for half an hour.
"""

import asyncio
import os
import time
from asyncio.subprocess import Process
from collections.abc import Callable
from pathlib import Path

import aiohttp
import numpy as np
import pytest

from app.security.api_keys import key_entry, new_key
from tests.integration.load.asking import QUESTION, ask
from tests.integration.load.service import DOCUMENT, descriptors, replica, resident_bytes
from tests.support.openai_server import ChatScript, OpenAiServer
from tests.support.otlp_collector import OtlpCollector

pytestmark = pytest.mark.anyio
CLIENTS = 16
SOAK_S = float(os.environ.get("SOAK_SECONDS", "300"))
SETTLED = 1 / 2
"""Share of the time after which caches and the allocator's arenas have found their size."""
GROWS_BYTES_PER_H = 2**20
SETTLING_BYTES = 2**19
"""What the allocator still takes in a short run: five minutes tell a leak of 12 MiB/h, half an hour one of 1."""
SETTLES_S = 1800
SCRIPT = ChatScript(pieces=("The answer", " is", " here. [1]"), first_s=0.02, between_s=0.01)


KEY = new_key()
EVERYTHING_ON = {
    "API_KEYS": key_entry("soak", "default", KEY),
    "CACHE": "memory",
    "CACHE_MEMORY_MIB": "1",  # full before the settled half, or its filling would count as growth
    "TENANT_REQUESTS_PER_MINUTE": "1000000",
    "TENANT_TOKENS_PER_MINUTE": "1000000000",
    "TENANT_CONCURRENT_QUESTIONS": "1000",
}
AUTHORIZED = {"Authorization": f"Bearer {KEY}"}
FRESH = {"Cache-Control": "no-cache"}


async def client(session: aiohttp.ClientSession, until: float, statuses: list[int]) -> None:
    """Ask in every way there is, leave some answers, and add the document again."""
    number = 0
    while time.monotonic() < until:
        number += 1
        statuses.append((await ask(session, stream=False)).status)
        async with session.post("/v1/query", json={"query": QUESTION, "stream": True}, headers=FRESH) as response:
            statuses.append(response.status)
            await response.read()
        async with session.post("/v1/retrieve", json={"query": QUESTION}) as response:
            statuses.append(response.status)
        async with session.post("/v1/query", json={"query": f"{QUESTION} {number}", "stream": True}) as response:
            statuses.append(response.status)  # and leave before the end
        if number % 50 == 0:
            form = aiohttp.FormData()
            form.add_field("file", DOCUMENT[1], filename=DOCUMENT[0], content_type=DOCUMENT[2])
            async with session.post("/v1/documents", data=form) as response:
                statuses.append(response.status)


async def watch(process: Process, until: float, samples: list[tuple[float, int, int]]) -> None:
    while time.monotonic() < until:
        samples.append((time.monotonic(), resident_bytes(process.pid), descriptors(process.pid)))
        await asyncio.sleep(0.5)


def slope_per_h(samples: list[tuple[float, int, int]]) -> tuple[float, float]:
    """Bytes an hour by which memory grows, by least squares, and the standard error of that.

    Neighbouring samples are alike, so the error is that of a tenth as many.
    """
    at_h, size = np.array([s[0] for s in samples]) / 3600, np.array([s[1] for s in samples], dtype=float)
    (slope, _), covariance = np.polyfit(at_h, size, 1, cov=True)
    return float(slope), float(np.sqrt(covariance[0, 0] * 10))


async def soaked(folder: Path) -> tuple[list[int], list[tuple[float, int, int]]]:
    """Return the statuses of all answers, and memory and descriptors over the time."""
    statuses, samples = list[int](), list[tuple[float, int, int]]()
    async with (
        OpenAiServer(SCRIPT) as llm,
        OtlpCollector() as collector,
        replica(folder, llm.url, key=KEY, OTLP_ENDPOINT=collector.url, **EVERYTHING_ON) as (process, known),
        aiohttp.ClientSession(
            str(known.base_url), connector=aiohttp.TCPConnector(limit=0), headers=AUTHORIZED
        ) as session,
        asyncio.TaskGroup() as tasks,
    ):
        until = time.monotonic() + SOAK_S
        tasks.create_task(watch(process, until, samples))
        for _ in range(CLIENTS):
            tasks.create_task(client(session, until, statuses))
    return statuses, samples


async def test_neither_memory_nor_descriptors_grow(tmp_path: Path, say: Callable[[str], None]) -> None:
    statuses, samples = await soaked(tmp_path)
    settled = samples[int(len(samples) * SETTLED) :]
    slope, error = slope_per_h(settled)
    say(
        f"{len(statuses)} requests in {SOAK_S:.0f} s; memory {settled[0][1] / 2**20:.1f} MiB then"
        f" {settled[-1][1] / 2**20:.1f}, {slope / 2**20:+.1f} ± {error / 2**20:.1f} MiB/h;"
        f" descriptors {settled[0][2]} then {settled[-1][2]}"
    )
    assert set(statuses) == {200}
    watched_h = (settled[-1][0] - settled[0][0]) / 3600
    settling_bytes_per_h = SETTLING_BYTES / watched_h if SOAK_S < SETTLES_S else 0
    assert slope - 2 * error < max(GROWS_BYTES_PER_H, settling_bytes_per_h)
    assert max(s[2] for s in settled) <= max(s[2] for s in samples[: len(samples) // 2]) + CLIENTS
