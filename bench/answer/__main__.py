"""Runs every contestant beside the others, round after round, and prints the median of the rounds.

The service has one core; the stub and the clients share the other, where the machine has two.
"""

import contextlib
import os
import statistics
import subprocess
import sys
from collections.abc import Generator
from dataclasses import astuple

import uvloop

from bench.answer.load import Figures, measure
from bench.answer.stub import IDEAL_S

CONTESTANTS = {
    "raw ASGI, own client": "bench.answer.floor",
    "ragspan": "bench.answer.ours",
    "FastAPI + httpx": "bench.answer.by_hand",
}
CORES = os.sched_getaffinity(0)
ROUNDS = 3
WORK = ((1, 20), (64, 512))
"""Clients at once, and requests of a round."""


@contextlib.contextmanager
def running(module: str, core: int, *arguments: str) -> Generator[tuple[int, int], None, None]:
    """Run a module on one core; yield its port and its process id."""
    pin(core)
    command = [sys.executable, "-m", module, *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            assert process.stdout
            yield int(process.stdout.readline()), process.pid
        finally:
            process.kill()


def pin(core: int) -> None:
    """Keep this process, and what it starts from now on, on one core; where there is but one, there it is."""
    if core in CORES:
        os.sched_setaffinity(0, {core})


async def rounds(ports: dict[str, tuple[int, int]]) -> dict[tuple[str, int], list[Figures]]:
    """Figures by contestant and number of clients; all contestants take part in each round."""
    found: dict[tuple[str, int], list[Figures]] = {}
    for number in range(ROUNDS + 1):
        for name, (port, pid) in ports.items():
            for clients, requests in WORK:
                figures = await measure(port, pid, clients, requests)
                if number:  # the first one warms up
                    found.setdefault((name, clients), []).append(figures)
    return found


def report(found: dict[tuple[str, int], list[Figures]]) -> None:
    print(f"{'':22}{'clients':>8}{'TTFT overhead p50, p99 ms':>27}{'requests/s':>12}{'of ideal':>10}{'CPU ms':>8}")
    for (name, clients), figures in sorted(found.items(), key=lambda item: item[0][1]):
        p50, p99, rate, cpu = (statistics.median(column) for column in zip(*map(astuple, figures), strict=True))
        ideal = rate / (clients / IDEAL_S)
        print(f"{name:22}{clients:8}{p50:18.1f}{p99:9.1f}{rate:12.1f}{ideal:10.0%}{cpu:8.2f}")


def main() -> None:
    with contextlib.ExitStack() as stack:
        stub, _ = stack.enter_context(running("bench.answer.stub", 1))
        ports = {name: stack.enter_context(running(module, 0, str(stub))) for name, module in CONTESTANTS.items()}
        pin(1)
        report(uvloop.run(rounds(ports)))
    print(f"ideal: {IDEAL_S * 1000:.0f} ms a request; load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")


if __name__ == "__main__":
    main()
