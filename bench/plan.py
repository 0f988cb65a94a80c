"""How long `ragspan plan` takes as a user calls it, against its budget: status 1 if it takes longer.

Each figure is the median of several calls with compiled bytecode. Run it as `.venv/bin/python bench/plan.py`.
"""

import os
import statistics
import subprocess
import sys
from pathlib import Path
from time import perf_counter

CALLS = 3
BUDGETS_S = {"local": 2.5, "--all": 8.0}


def seconds(argument: str) -> float:
    """One call in a process of its own; a plan that fails has no figure."""
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    command = [str(Path(sys.executable).with_name("ragspan")), "plan", argument, "--json"]
    started = perf_counter()
    subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
    return perf_counter() - started


def main() -> int:
    over = 0
    for argument, budget in BUDGETS_S.items():
        seconds(argument)
        figure = statistics.median(seconds(argument) for _ in range(CALLS))
        over += figure > budget
        print(f"ragspan plan {argument:<6} {figure:5.2f} s, budget {budget} s{' EXCEEDED' if figure > budget else ''}")
    return min(over, 1)


if __name__ == "__main__":
    sys.exit(main())
