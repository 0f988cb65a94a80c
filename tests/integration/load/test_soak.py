"""R13: sixteen clients for minutes on end: nothing fails, and neither memory nor descriptors grow.

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

from tests.integration.load.asking import QUESTION, ask
from tests.integration.load.service import DOCUMENT, descriptors, replica, resident_bytes
from tests.support.openai_server import ChatScript, OpenAiServer

pytestmark = pytest.mark.anyio
CLIENTS = 16
SOAK_S = float(os.environ.get("SOAK_SECONDS", "300"))
SETTLED = 1 / 2
"""Share of the time after which caches and the allocator's arenas have found their size."""
GROWS_BYTES_PER_H = 2**20
NOISE_BYTES = 2**20
"""What the allocator takes and gives back meanwhile: five minutes tell a leak of 24 MiB/h, half an hour one of 4."""
SCRIPT = ChatScript(pieces=("The answer", " is", " here. [1]"), first_s=0.02, between_s=0.01)


async def client(session: aiohttp.ClientSession, until: float, statuses: list[int]) -> None:
    """Ask in every way there is, leave some answers, and add the document again."""
    number = 0
    while time.monotonic() < until:
        number += 1
        statuses.extend([(await ask(session)).status, (await ask(session, stream=False)).status])
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


async def test_neither_memory_nor_descriptors_grow(tmp_path: Path, say: Callable[[str], None]) -> None:
    statuses, samples = list[int](), list[tuple[float, int, int]]()
    async with OpenAiServer(SCRIPT) as llm, replica(tmp_path, llm.url) as (process, known):
        until = time.monotonic() + SOAK_S
        connector = aiohttp.TCPConnector(limit=0)
        async with (
            aiohttp.ClientSession(str(known.base_url), connector=connector) as session,
            asyncio.TaskGroup() as tasks,
        ):
            tasks.create_task(watch(process, until, samples))
            for _ in range(CLIENTS):
                tasks.create_task(client(session, until, statuses))
    settled = samples[int(len(samples) * SETTLED) :]
    slope, error = slope_per_h(settled)
    say(
        f"{len(statuses)} requests in {SOAK_S:.0f} s; memory {settled[0][1] / 2**20:.1f} MiB then"
        f" {settled[-1][1] / 2**20:.1f}, {slope / 2**20:+.1f} ± {error / 2**20:.1f} MiB/h;"
        f" descriptors {settled[0][2]} then {settled[-1][2]}"
    )
    assert set(statuses) == {200}
    watched_h = (settled[-1][0] - settled[0][0]) / 3600
    assert slope * watched_h < max(GROWS_BYTES_PER_H * watched_h, NOISE_BYTES)
    assert max(s[2] for s in settled) <= max(s[2] for s in samples[: len(samples) // 2]) + CLIENTS
