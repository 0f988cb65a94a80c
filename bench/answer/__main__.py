"""Runs every contestant beside the others, round after round, and prints the median of the rounds.

    python -m bench.answer [PART OF A NAME ...] [--rounds N] [--requests N]

The service has one core; the stubs and the clients share the other, where the machine has two. Where other work runs
beside, go by the CPU time: it is a process's own, and the noise is the same for all.
"""

import argparse
import contextlib
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Generator, Mapping
from dataclasses import astuple, dataclass
from pathlib import Path

import uvloop

from bench.answer.load import Figures, measure
from bench.answer.stub import IDEAL_S, IDEAL_TTFT_S

CONTESTANTS = {
    "raw ASGI, own client": ("bench.answer.floor",),
    "ragspan": ("bench.answer.ours",),
    "ragspan, Weaviate": ("bench.answer.ours", "bench.answer.weaviate_stub"),
    "FastAPI + aiohttp": ("bench.answer.with_aiohttp",),
    "FastAPI + httpx": ("bench.answer.with_httpx",),
}
"""Modules: the contestant's, and of what else it asks beside the models."""
CORES = os.sched_getaffinity(0)
FEW_PER_MANY = 16
"""At one client at a time a round has this part of the requests."""


@dataclass(frozen=True, slots=True)
class Running:
    """A process that listens, and how long it took until then."""

    ports: list[str]
    pid: int
    ready_s: float

    def rss_mib(self) -> float:
        pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


@contextlib.contextmanager
def running(module: str, core: int, *arguments: str) -> Generator[Running, None, None]:
    """Run a module on one core until the block ends."""
    pin(core)
    begun = time.perf_counter()
    command = [sys.executable, "-m", module, *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            assert process.stdout
            ports = process.stdout.readline().split()
            yield Running(ports, process.pid, time.perf_counter() - begun)
        finally:
            process.kill()


def pin(core: int) -> None:
    """Keep this process, and what it starts from now on, on one core; where there is but one, there it is."""
    if core in CORES:
        os.sched_setaffinity(0, {core})


@contextlib.contextmanager
def contestants(named: list[str]) -> Generator[dict[str, Running], None, None]:
    """Yield them by name: those whose name has one of the words, or all."""
    with contextlib.ExitStack() as stack:
        models = stack.enter_context(running("bench.answer.stub", 1)).ports
        found: dict[str, Running] = {}
        for name, (module, *others) in CONTESTANTS.items():
            if not named or any(word in name for word in named):
                ports = [port for other in others for port in stack.enter_context(running(other, 1)).ports]
                found[name] = stack.enter_context(running(module, 0, *models, *ports))
        pin(1)
        yield found


async def rounds(servers: Mapping[str, Running], number: int, requests: int) -> dict[tuple[str, int], list[Figures]]:
    """Figures by contestant and number of clients; all contestants take part in each round."""
    found: dict[tuple[str, int], list[Figures]] = {}
    for turn in range(number + 1):
        for clients, asked in ((1, max(1, requests // FEW_PER_MANY)), (64, requests)):
            for name, server in servers.items():
                figures = await measure(int(server.ports[0]), server.pid, clients, asked)
                if turn:  # the first one warms up
                    found.setdefault((name, clients), []).append(figures)
    return found


def report(found: dict[tuple[str, int], list[Figures]]) -> None:
    print(f"{'':22}{'clients':>8}{'TTFT overhead p50, p99 ms':>27}{'requests/s':>12}{'of ideal':>10}{'CPU ms':>8}")
    for (name, clients), figures in sorted(found.items(), key=lambda item: item[0][1]):
        p50, p99, rate, cpu = (statistics.median(column) for column in zip(*map(astuple, figures), strict=True))
        ideal = rate / (clients / IDEAL_S)
        print(f"{name:22}{clients:8}{p50:18.1f}{p99:9.1f}{rate:12.1f}{ideal:10.0%}{cpu:8.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.answer", description=__doc__)
    parser.add_argument("named", nargs="*", help="only contestants whose name has one of these words")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--requests", type=int, default=256)
    arguments = parser.parse_args()
    with contestants(arguments.named) as servers:
        report(uvloop.run(rounds(servers, arguments.rounds, arguments.requests)))
        for name, server in servers.items():
            print(f"{name:22}ready after {server.ready_s:.1f} s, {server.rss_mib():.0f} MiB after the last request")
    print(
        f"ideal: first token after {IDEAL_TTFT_S * 1000:.0f} ms, {IDEAL_S * 1000:.0f} ms a request; "
        f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
    )


if __name__ == "__main__":
    main()
