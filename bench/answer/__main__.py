"""Runs all contestants in turn, round after round, and prints the median of the rounds.

    python -m bench.answer [PART OF A NAME ...] [--peers] [--rounds N] [--requests N] [--json FILE]

The service has one core; stubs and clients share the other one, if the machine has two. If other work is running on the
machine, compare CPU times: they count one process only, and noise affects all contestants alike.
"""

import argparse
import contextlib
import sys
from collections.abc import Generator, Mapping
from pathlib import Path

import uvloop

from bench.answer.entries import HOW_TO_GET_PEERS, Entry, entries
from bench.answer.load import Figures, measure
from bench.answer.processes import Running, pin, running
from bench.answer.report import adapter_cpu_ms, conditions, print_table, rows, write

FEW_PER_MANY = 16
"""With a single client, a round has this share of the requests."""


@contextlib.contextmanager
def contestants(wanted: Mapping[str, Entry]) -> Generator[dict[str, Running], None, None]:
    """Start all contestants with the servers that they need, and yield them by name."""
    with contextlib.ExitStack() as stack:
        models = stack.enter_context(running("bench.answer.stub", 1)).ports
        found: dict[str, Running] = {}
        for name, entry in wanted.items():
            ports = [port for module in entry.beside for port in stack.enter_context(running(module, 1)).ports]
            python = entry.python() if entry.environment else sys.executable
            found[name] = stack.enter_context(running(entry.module, 0, *models, *ports, python=python))
        pin(1)
        yield found


async def rounds(
    servers: Mapping[str, Running], wanted: Mapping[str, Entry], number: int, requests: int
) -> dict[tuple[str, int], list[Figures]]:
    """Return figures by contestant and number of clients; each round measures every contestant."""
    found: dict[tuple[str, int], list[Figures]] = {}
    for turn in range(number + 1):
        for clients, asked in ((1, max(1, requests // FEW_PER_MANY)), (64, requests)):
            for name, server in servers.items():
                figures = await measure(int(server.ports[0]), [server.pid], clients, asked, wanted[name].dialect)
                if turn:  # the first one warms up
                    found.setdefault((name, clients), []).append(figures)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.answer", description=__doc__)
    parser.add_argument("named", nargs="*", help="only contestants whose name has one of these words")
    parser.add_argument("--peers", action="store_true", help="frameworks too, which tools/bench_peers installs")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--requests", type=int, default=256)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    arguments = parser.parse_args()
    wanted, missing = entries(arguments.named, peers=arguments.peers)
    with contestants(wanted) as servers:
        table = rows(uvloop.run(rounds(servers, wanted, arguments.rounds, arguments.requests)))
        after = {name: {"ready_s": server.ready_s, "rss_mib": server.rss_mib()} for name, server in servers.items()}
    print_table(table)
    for clients, cpu_ms in adapter_cpu_ms(table).items():
        print(f"{'the Weaviate adapter':22}{clients:8}{cpu_ms:57.2f}")
    for name, entry in wanted.items():
        ready = f"ready after {after[name]['ready_s']:.1f} s, {after[name]['rss_mib']:.0f} MiB after the last request"
        print(f"{name:22}{ready}; does: {entry.does}")
    for name in missing:
        print(f"{name:22}not run: its environment is missing or older than its lock, tools/bench_peers makes it")
    if not arguments.peers:
        print(HOW_TO_GET_PEERS)
    print(", ".join(f"{name.replace('_', ' ')} {value}" for name, value in conditions().items()))
    if arguments.json:
        write(arguments.json, table, rounds=arguments.rounds, requests=arguments.requests, after=after, not_run=missing)


if __name__ == "__main__":
    main()
