"""Measures how long `ragspan plan` takes as a user calls it, and ends with status 1 if a budget is exceeded.

Each figure is the median of several calls with compiled bytecode. Run it as `.venv/bin/python bench/plan.py`.
"""

import os
import statistics
import subprocess
import sys
from pathlib import Path
from time import perf_counter

CALLS = 3
BUDGETS_S = {("local",): 2.5, ("--all",): 8.0}
FURTHER_S = 1.5
"""For each further stack of a cloud that is loaded already."""
FIRST, FURTHER = ("prod-gcp-europe-west4",), ("dev-gcp-europe-west4", "prod-gcp-us-central1")


def seconds(*arguments: str) -> float:
    """Time one call in a process of its own; a plan that fails has no figure."""
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    command = [str(Path(sys.executable).with_name("ragspan")), "plan", *arguments, "--json"]
    started = perf_counter()
    subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
    return perf_counter() - started


def median(*arguments: str) -> float:
    seconds(*arguments)
    return statistics.median(seconds(*arguments) for _ in range(CALLS))


def is_over(what: str, figure: float, budget: float) -> bool:
    over = figure > budget
    print(f"ragspan plan {what:<22} {figure:5.2f} s, budget {budget} s{' EXCEEDED' if over else ''}")
    return over


def main() -> int:
    over = [is_over(" ".join(arguments), median(*arguments), budget) for arguments, budget in BUDGETS_S.items()]
    further = (median(*FIRST, *FURTHER) - median(*FIRST)) / len(FURTHER)
    over.append(is_over("(each further stack)", further, FURTHER_S))
    return int(any(over))


if __name__ == "__main__":
    sys.exit(main())
