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
from collections.abc import Generator
from dataclasses import astuple

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


@contextlib.contextmanager
def running(module: str, core: int, *arguments: str) -> Generator[tuple[list[str], int], None, None]:
    """Run a module on one core; yield its ports and its process id."""
    pin(core)
    command = [sys.executable, "-m", module, *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            assert process.stdout
            yield process.stdout.readline().split(), process.pid
        finally:
            process.kill()


def pin(core: int) -> None:
    """Keep this process, and what it starts from now on, on one core; where there is but one, there it is."""
    if core in CORES:
        os.sched_setaffinity(0, {core})


@contextlib.contextmanager
def contestants(named: list[str]) -> Generator[dict[str, tuple[int, int]], None, None]:
    """Yield port and process id by name, of those whose name has one of the words, or of all."""
    with contextlib.ExitStack() as stack:
        (stub,), _ = stack.enter_context(running("bench.answer.stub", 1))
        found: dict[str, tuple[int, int]] = {}
        for name, (module, *others) in CONTESTANTS.items():
            if not named or any(word in name for word in named):
                ports = [port for other in others for port in stack.enter_context(running(other, 1))[0]]
                (port,), pid = stack.enter_context(running(module, 0, stub, *ports))
                found[name] = int(port), pid
        pin(1)
        yield found


async def rounds(ports: dict[str, tuple[int, int]], number: int, requests: int) -> dict[tuple[str, int], list[Figures]]:
    """Figures by contestant and number of clients; all contestants take part in each round."""
    found: dict[tuple[str, int], list[Figures]] = {}
    for turn in range(number + 1):
        for clients, asked in ((1, max(1, requests // FEW_PER_MANY)), (64, requests)):
            for name, (port, pid) in ports.items():
                figures = await measure(port, pid, clients, asked)
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
    with contestants(arguments.named) as ports:
        report(uvloop.run(rounds(ports, arguments.rounds, arguments.requests)))
    print(
        f"ideal: first token after {IDEAL_TTFT_S * 1000:.0f} ms, {IDEAL_S * 1000:.0f} ms a request; "
        f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
    )


if __name__ == "__main__":
    main()
