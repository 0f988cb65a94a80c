"""Starts the bench's processes: each runs a module on one core, and prints its ports once it listens."""

import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

CORES = os.sched_getaffinity(0)
STAYS_HERE = {
    "HAYSTACK_TELEMETRY_ENABLED": "false",
    "NVIDIA_USAGE_TELEMETRY_ENABLED": "false",
    "LANGSMITH_TRACING": "false",
}
"""Switches off the usage reports of frameworks, as far as these allow it."""


@dataclass(frozen=True, slots=True)
class Running:
    """A process that listens, and the time from its start until then."""

    ports: list[str]
    pid: int
    ready_s: float

    def rss_mib(self) -> float:
        pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


@contextlib.contextmanager
def running(
    module: str, core: int | None, *arguments: str, python: str | Path = sys.executable
) -> Generator[Running, None, None]:
    """Run a module on one core, or on any, until the block ends. Raises RuntimeError with its output if it stops."""
    pin(core)
    begun = time.perf_counter()
    command = [str(python), "-m", module, *arguments]
    with (
        tempfile.TemporaryFile() as said,
        subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=said, text=True, env=os.environ | STAYS_HERE
        ) as process,
    ):
        try:
            assert process.stdout
            ports = process.stdout.readline().split()
            if not ports:
                said.seek(0)
                raise RuntimeError(f"{module} did not start:\n{said.read()[-2000:].decode(errors='replace')}")
            yield Running(ports, process.pid, time.perf_counter() - begun)
        finally:
            process.kill()


def pin(core: int | None) -> None:
    """Pin this process, and those it starts from now on, to one core if the machine has it; None unpins it."""
    os.sched_setaffinity(0, {core} if core in CORES else CORES)
