"""`ragspan serve` as a process of its own."""

import asyncio
import os
import re
import ssl
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import IO

import httpx

NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""For clients of plain addresses: httpx reads some hundred certificates otherwise, each time."""
RAGSPAN = Path(sys.executable).with_name("ragspan")


async def started(tmp_path: Path, stderr: int | IO[bytes] = PIPE, /, **settings: str) -> Process:
    variables = {"PORT": "0", "DATA_DIR": str(tmp_path), **settings}
    environment = {**os.environ, **{f"RAGSPAN_{name}": value for name, value in variables.items()}}
    return await asyncio.create_subprocess_exec(RAGSPAN, "serve", env=environment, stdout=PIPE, stderr=stderr)


@asynccontextmanager
async def running(tmp_path: Path, **settings: str) -> AsyncGenerator[tuple[Process, httpx.AsyncClient], None]:
    """Its log goes to a file: a pipe that nobody reads would hold it up as soon as it is full."""
    log = _log_in(tmp_path)
    with log.open("wb") as stderr:
        process = await started(tmp_path, stderr, **settings)
    try:
        assert process.stdout
        greeting = (await process.stdout.readline()).decode()
        address = re.search(r"http://\S+", greeting)
        assert address, f"ragspan serve did not start: {greeting}{log.read_text()}"
        async with httpx.AsyncClient(base_url=address.group(), trust_env=False, timeout=10, verify=NO_TLS) as client:
            yield process, client
    finally:
        if process.returncode is None:
            process.terminate()
        await process.communicate()


def _log_in(folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    return folder / "serve.log"
