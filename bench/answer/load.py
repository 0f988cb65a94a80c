"""Clients on sockets of their own that ask one question after the other and look at the clock as bytes come in."""

import asyncio
import json
import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass

from bench.answer.contestant import KEY
from bench.answer.stub import IDEAL_TTFT_S

BODY = json.dumps({"query": "How fast does the spot pool drain?", "stream": True}).encode()
REQUEST = (
    b"POST /v1/query HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    b"Authorization: Bearer %b\r\nContent-Length: %d\r\n\r\n" % (KEY.encode(), len(BODY)) + BODY
)


@dataclass(frozen=True, slots=True)
class Figures:
    """Of one contestant at one concurrency: overheads are what the first token took beyond the models' own time."""

    ttft_p50_ms: float
    ttft_p99_ms: float
    requests_per_s: float
    cpu_ms: float


async def measure(port: int, pid: int, clients: int, requests: int) -> Figures:
    """Ask `requests` questions by `clients` at once. Raises ConnectionError for an answer that is none."""
    left = iter(range(requests))
    times_s: list[float] = []
    cpu_s, begun = _cpu_s(pid), time.perf_counter()
    await asyncio.gather(*(_client(port, left, times_s) for _ in range(clients)))
    took_s = time.perf_counter() - begun
    over_ms = sorted((seconds - IDEAL_TTFT_S) * 1000 for seconds in times_s)
    p99 = over_ms[min(len(over_ms) - 1, int(len(over_ms) * 0.99))]
    cpu_ms = (_cpu_s(pid) - cpu_s) * 1000 / requests
    return Figures(statistics.median(over_ms), p99, requests / took_s, cpu_ms)


async def _client(port: int, left: Iterator[int], times_s: list[float]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for _ in left:
        begun = time.perf_counter()
        writer.write(REQUEST)
        try:
            await reader.readuntil(b"event: token")
            times_s.append(time.perf_counter() - begun)
            rest = await reader.readuntil(b"\r\n0\r\n\r\n")
        except asyncio.IncompleteReadError as error:
            raise ConnectionError(f"no answer, but {error.partial[-500:]!r}") from None
        if b"event: done" not in rest:
            raise ConnectionError(f"an answer broke off: {rest[-500:]!r}")
    writer.close()


def _cpu_s(pid: int) -> float:
    """Return the time that a process has had, of all its threads, by the clock that Linux keeps of it."""
    return time.clock_gettime((~pid << 3) | 2)
