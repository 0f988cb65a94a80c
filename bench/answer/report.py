"""Reports what was measured, as a table and as JSON."""

import json
import os
import platform
import statistics
from dataclasses import asdict, astuple, dataclass
from pathlib import Path
from typing import Any

from bench.answer.load import Figures
from bench.answer.stub import IDEAL_S, IDEAL_TTFT_S

FLOOR, TIMED, ADAPTER, HOLDING = "raw ASGI, own client", "ragspan", "ragspan, Weaviate", "ragspan, holding"
"""Names of the contestants that others are compared with."""


@dataclass(frozen=True, slots=True)
class Row:
    """Medians of the rounds; `times_floor` is the CPU time divided by the floor's in the same run, if it took part."""

    contestant: str
    clients: int
    median: Figures
    of_ideal: float
    times_floor: float | None


def rows(found: dict[tuple[str, int], list[Figures]]) -> list[Row]:
    """Return a row for each contestant and number of clients, ordered by that number."""
    medians = {
        key: Figures(*map(statistics.median, zip(*map(astuple, figures), strict=True)))
        for key, figures in sorted(found.items(), key=lambda item: item[0][1])
    }
    return [
        Row(
            name,
            clients,
            median,
            median.requests_per_s * IDEAL_S / clients,
            _over(median, medians.get((FLOOR, clients))),
        )
        for (name, clients), median in medians.items()
    ]


def _over(figures: Figures, floor: Figures | None) -> float | None:
    return figures.cpu_ms / floor.cpu_ms if floor else None


def print_table(table: list[Row]) -> None:
    print(
        f"{'':22}{'clients':>8}{'TTFT overhead p50, p99 ms':>27}{'requests/s':>12}{'of ideal':>10}"
        f"{'CPU ms':>8}{'x floor':>9}"
    )
    for row in table:
        median, times = row.median, f"{row.times_floor:9.1f}" if row.times_floor else ""
        print(
            f"{row.contestant:22}{row.clients:8}{median.ttft_p50_ms:18.1f}{median.ttft_p99_ms:9.1f}"
            f"{median.requests_per_s:12.1f}{row.of_ideal:10.0%}{median.cpu_ms:8.2f}{times}"
        )


def adapter_cpu_ms(table: list[Row]) -> dict[int, float]:
    """Return, by number of clients, what a request costs more with the shipped adapter than with a timer as index."""
    spent = {(row.contestant, row.clients): row.median.cpu_ms for row in table}
    return {
        clients: cpu_ms - spent[TIMED, clients]
        for (name, clients), cpu_ms in spent.items()
        if name == ADAPTER and (TIMED, clients) in spent
    }


def conditions() -> dict[str, Any]:
    """Return what the figures depend on: the ideal, the machine, and its other load."""
    return {
        "ideal_ttft_ms": round(IDEAL_TTFT_S * 1000),
        "ideal_request_ms": round(IDEAL_S * 1000),
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "load_average": round(os.getloadavg()[0], 1),
    }


def write(path: Path, table: list[Row], **more: Any) -> None:
    """Write everything as one JSON object, with the rows as `figures`."""
    figures = [
        {key: value for key, value in asdict(row).items() if key != "median"} | asdict(row.median) for row in table
    ]
    path.write_text(json.dumps({**conditions(), **more, "figures": figures}, indent=2) + "\n")
