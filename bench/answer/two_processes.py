"""Compares two processes of the service with one, behind the kernel's balancer, with one real Redis for both.

    python -m bench.answer.two_processes [--rounds N] [--requests N] [--json FILE]

Redis counts limits and keeps answers. Every question is asked once, so the cache is searched but never has the answer.
Nothing is pinned to a core: stub, clients and Redis take part of the same two, and "cores busy" shows whether the
machine is the limit.
"""

import argparse
import contextlib
import itertools
import json
import socket
import statistics
import tempfile
import time
from collections.abc import Generator, Sequence
from dataclasses import asdict, astuple, dataclass
from pathlib import Path

import uvloop

from bench.answer.load import NEVER_THE_SAME, Figures, cpu_time_s, measure
from bench.answer.ours_shared import MOST_CLIENTS, shared_port
from bench.answer.processes import Running, running
from bench.answer.report import conditions
from bench.answer.stub import IDEAL_S
from bench.cached_answer import command
from tests.support.redis import PASSWORD, redis_server

PROCESSES = (1, 2)
CLIENTS = (64, MOST_CLIENTS)


@dataclass(frozen=True, slots=True)
class Shared:
    """Medians for one number of processes and clients; `other_cpu_ms` is the CPU time of all but the service.

    `share` is that of the busier process; `redis_commands` are commands a request, including those in scripts.
    """

    processes: int
    clients: int
    median: Figures
    other_cpu_ms: float
    cores_busy: float
    share: float
    redis_commands: float


class Redis:
    """What the Redis server reports of itself."""

    def __init__(self, url: str) -> None:
        self._address = ("127.0.0.1", int(url.rpartition(":")[2]))
        self.pid = self._info("process_id")

    def commands(self) -> int:
        return self._info("total_commands_processed")

    def _info(self, name: str) -> int:
        with socket.create_connection(self._address, timeout=5) as connection:
            connection.sendall(command(b"AUTH", PASSWORD.encode()) + command(b"INFO") + command(b"QUIT"))
            told = b"".join(iter(lambda: connection.recv(65536), b"")).decode()
        return next(int(line.partition(":")[2]) for line in told.split("\r\n") if line.startswith(f"{name}:"))


@contextlib.contextmanager
def services(
    redis_url: str, numbers: Sequence[int] = PROCESSES
) -> Generator[tuple[int, dict[int, list[Running]]], None, None]:
    """Start the stub, then for each of these numbers so many services at one port; yield the stub's id and them."""
    with contextlib.ExitStack() as stack:
        stub = stack.enter_context(running("bench.answer.stub", None))
        found: dict[int, list[Running]] = {}
        for processes in numbers:
            port = stack.enter_context(shared_port()).getsockname()[1]
            arguments = (*stub.ports, str(port), redis_url)
            found[processes] = [
                stack.enter_context(running("bench.answer.ours_shared", None, *arguments)) for _ in range(processes)
            ]
        yield stub.pid, found


async def observe(servers: Sequence[Running], stub: int, redis: Redis, clients: int, asked: range) -> Shared:
    """Measure once: CPU time of the service, of this process, of the stub and of Redis."""
    pids = [server.pid for server in servers]
    before = [*map(cpu_time_s, (*pids, stub, redis.pid)), time.process_time(), redis.commands()]
    figures = await measure(int(servers[0].ports[0]), pids, clients, len(asked), NEVER_THE_SAME, asked.start)
    after = [*map(cpu_time_s, (*pids, stub, redis.pid)), time.process_time(), redis.commands()]
    *spent_s, commands = (late - early for late, early in zip(after, before, strict=True))
    ours_s, other_s = spent_s[: len(pids)], sum(spent_s[len(pids) :])
    return Shared(
        len(pids), clients, figures, other_cpu_ms=other_s * 1000 / len(asked),
        cores_busy=(sum(ours_s) + other_s) * figures.requests_per_s / len(asked), share=max(ours_s) / sum(ours_s),
        redis_commands=commands / len(asked),
    )  # fmt: skip


async def rounds(
    stub: int, servers: dict[int, list[Running]], redis: Redis, number: int, requests: int
) -> list[Shared]:
    """Return the medians of all rounds but the first, which warms up; one and two processes take turns."""
    found: dict[tuple[int, int], list[Shared]] = {}
    first = itertools.count(step=requests)
    for turn, clients, processes in itertools.product(range(number + 1), CLIENTS, PROCESSES):
        start = next(first)
        seen = await observe(servers[processes], stub, redis, clients, range(start, start + requests))
        if turn:
            found.setdefault((processes, clients), []).append(seen)
    return [_median(all_seen) for _, all_seen in sorted(found.items(), key=lambda item: item[0][::-1])]


def _median(seen: list[Shared]) -> Shared:
    figures = Figures(*map(statistics.median, zip(*(astuple(one.median) for one in seen), strict=True)))
    rest = ((one.other_cpu_ms, one.cores_busy, one.share, one.redis_commands) for one in seen)
    return Shared(seen[0].processes, seen[0].clients, figures, *map(statistics.median, zip(*rest, strict=True)))


def report(table: list[Shared]) -> None:
    print(
        f"{'processes':10}{'clients':>8}{'TTFT overhead p50, p99 ms':>27}{'requests/s':>12}{'of ideal':>10}"
        f"{'CPU ms':>8}{'others':>8}{'cores busy':>12}{'busier has':>12}{'Redis does':>13}"
    )
    for row in table:
        figures, ideal = row.median, row.median.requests_per_s * IDEAL_S / row.clients
        print(
            f"{row.processes:<10}{row.clients:8}{figures.ttft_p50_ms:18.1f}{figures.ttft_p99_ms:9.1f}"
            f"{figures.requests_per_s:12.1f}{ideal:10.0%}{figures.cpu_ms:8.2f}{row.other_cpu_ms:8.2f}"
            f"{row.cores_busy:12.2f}{row.share:12.0%}{row.redis_commands:13.1f}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.answer.two_processes", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--requests", type=int, default=1024)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, redis_server(Path(folder)) as url, services(url) as (stub, servers):
        table = uvloop.run(rounds(stub, servers, Redis(url), arguments.rounds, arguments.requests))
    report(table)
    print(", ".join(f"{name.replace('_', ' ')} {value}" for name, value in conditions().items()))
    if arguments.json:
        arguments.json.write_text(json.dumps(conditions() | {"figures": [asdict(row) for row in table]}, indent=2))


if __name__ == "__main__":
    main()
