"""One replica under load: a process before a model server, and what of the machine it holds."""

import os
from asyncio.subprocess import Process
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx

from tests.app.api.process import running

DOCUMENT = ("pools.md", b"The spot pool drains within thirty seconds of a notice.", "text/markdown")
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


@asynccontextmanager
async def replica(
    folder: Path, model_url: str, *, key: str = "", **settings: str
) -> AsyncGenerator[tuple[Process, httpx.AsyncClient]]:
    """Yield the process, which holds one document, and a client that knows its address and has the key."""
    model = {"GENERATOR": "openai", "GENERATOR_URL": model_url, "GENERATOR_MODEL": "m"}
    async with running(folder, LOG_LEVEL="error", **model, **settings) as (process, client):
        if key:
            client.headers["Authorization"] = f"Bearer {key}"
        (await client.post("/v1/documents", files={"file": DOCUMENT})).raise_for_status()
        yield process, client


def resident_bytes(pid: int) -> int:
    """Memory of the process that is in use."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE_BYTES


def descriptors(pid: int) -> int:
    """How many files and sockets it has open."""
    return len(os.listdir(f"/proc/{pid}/fd"))  # noqa: PTH208 - a list is what is wanted
