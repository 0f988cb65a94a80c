"""Clients that cost little: a question, the status of its answer, and when the first byte of it came."""

import time
from dataclasses import dataclass

import aiohttp

QUESTION = "How fast does the spot pool drain?"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What became of one question. `first_s` is when its first token came, or its refusal."""

    status: int
    first_s: float
    whole: bool = False
    """The answer came with its end."""


async def ask(session: aiohttp.ClientSession, question: str = QUESTION, *, stream: bool = True) -> Asked:
    """Ask once. Raises aiohttp.ClientError where the connection breaks."""
    begun = time.perf_counter()
    async with session.post("/v1/query", json={"query": question, "stream": stream}) as response:
        if response.status != 200 or not stream:
            body = await response.read()
            return Asked(status=response.status, first_s=time.perf_counter() - begun, whole=b"finish_reason" in body)
        first_s, last = 0.0, b""
        async for line in response.content:
            first_s = first_s or (time.perf_counter() - begun if line == b"event: token\n" else 0.0)
            last = line if line.startswith(b"event:") else last
        return Asked(status=200, first_s=first_s, whole=last == b"event: done\n")


def quantile(values: list[float], share: float) -> float:
    """The value that this share of the values does not exceed."""
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]
