"""The load: clients with a socket each, which ask one question after another and time the answers' bytes."""

import asyncio
import json
import statistics
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass

from bench.answer.contestant import KEY, QUESTION
from bench.answer.stub import IDEAL_TTFT_S


def _post(path: bytes, body: dict[str, object]) -> bytes:
    data = json.dumps(body).encode()
    return (
        b"POST %b HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        b"Authorization: Bearer %b\r\nContent-Length: %d\r\n\r\n" % (path, KEY.encode(), len(data)) + data
    )


@dataclass(frozen=True, slots=True)
class Dialect:
    """What is sent, and how the first token and the end of an answer are recognised."""

    request: bytes
    token: bytes
    end: bytes

    def asked(self, number: int) -> bytes:
        """Return the request, with the number of the question where it has a place for one."""
        return self.request.replace(PLACE, b"%06d" % number)


ENDS = b"event: token", b"event: done"
OK, LAST_CHUNK = b"HTTP/1.1 200 ", b"\r\n0\r\n\r\n"
PLACE = b"000000"
QUERY_BODY: dict[str, object] = {"query": QUESTION, "stream": True}
CHAT_BODY: dict[str, object] = {"model": "rag", "messages": [{"role": "user", "content": QUESTION}], "stream": True}
QUERY = Dialect(_post(b"/v1/query", QUERY_BODY), *ENDS)
CHUNKS = Dialect(_post(b"/v1/query", QUERY_BODY), b'"content":" spot"', b'"finish_reason":"stop"')
CHAT = Dialect(_post(b"/v1/chat/completions", CHAT_BODY), CHUNKS.token, CHUNKS.end)
"""Events of our own; chunks of a chat completion, at the same address or at OpenAI's."""
NEVER_THE_SAME = Dialect(_post(b"/v1/query", {"query": f"{QUESTION} {PLACE.decode()}", "stream": True}), *ENDS)
"""The question as the answer cache sees it."""


@dataclass(frozen=True, slots=True)
class Figures:
    """Figures of one contestant at one concurrency; an overhead is the first token's time beyond the models' own."""

    ttft_p50_ms: float
    ttft_p99_ms: float
    requests_per_s: float
    cpu_ms: float


async def measure(
    port: int, pids: Sequence[int], clients: int, requests: int, dialect: Dialect = QUERY, first: int = 0
) -> Figures:
    """Ask those processes `requests` questions by `clients` at once. Raises ConnectionError for what is not an answer.

    `first` is the number of the first question, for dialects with a place for it.
    """
    left = iter(range(first, first + requests))
    times_s: list[float] = []
    cpu_s, begun = sum(map(cpu_time_s, pids)), time.perf_counter()
    await asyncio.gather(*(_client(port, left, times_s, dialect) for _ in range(clients)))
    took_s = time.perf_counter() - begun
    over_ms = sorted((seconds - IDEAL_TTFT_S) * 1000 for seconds in times_s)
    p99 = over_ms[min(len(over_ms) - 1, int(len(over_ms) * 0.99))]
    cpu_ms = (sum(map(cpu_time_s, pids)) - cpu_s) * 1000 / requests
    return Figures(statistics.median(over_ms), p99, requests / took_s, cpu_ms)


async def _client(port: int, left: Iterator[int], times_s: list[float], dialect: Dialect) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    with closing(writer):
        for number in left:
            begun, first_s, answer = time.perf_counter(), 0.0, b""
            writer.write(dialect.asked(number))
            while not answer.endswith(LAST_CHUNK):
                read = await reader.read(65536)
                answer += read
                if not first_s and dialect.token in answer:
                    first_s = time.perf_counter() - begun
                if not read or not answer.startswith(OK[: len(answer)]):
                    raise ConnectionError(f"no answer, but {answer[-500:]!r}")
            if not first_s or dialect.end not in answer:
                raise ConnectionError(f"an answer broke off: {answer[-500:]!r}")
            times_s.append(first_s)


def cpu_time_s(pid: int) -> float:
    """Return the CPU time that all threads of a process have used, as Linux counts it."""
    return time.clock_gettime((~pid << 3) | 2)
