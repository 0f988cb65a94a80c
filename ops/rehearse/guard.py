"""A separate process that starts a rehearsal's programs and ends them, however the rehearsal itself ends.

It is run as a file, with only the standard library, in its own session, so that Ctrl-C reaches only the rehearsal. It
reads one JSON request per line and answers each in one line. When its input ends, because the rehearsal closed it, was
killed or crashed, it ends its programs, the last one started first, and removes the folder named on its command line.
"""

import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import FrameType
from typing import Any

STOP_TIMEOUT_S = 10


class Programs:
    """The started programs by name, each with its log in the folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._started: dict[str, subprocess.Popen[bytes]] = {}

    def answer(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """`{"start": NAME, "command": [...]}` starts a program; this and `{}` report which programs have ended."""
        if name := request.get("start"):
            with (self._folder / f"{name}.log").open("wb") as log:
                self._started[name] = subprocess.Popen(  # noqa: S603 - the rehearsal's own programs
                    request["command"],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    cwd=self._folder,
                )
        return {
            "pids": {name: program.pid for name, program in self._started.items()},
            "ended": {name: code for name, program in self._started.items() if (code := program.poll()) is not None},
        }

    def end(self) -> None:
        """End every running program, the last one started first, and wait for it."""
        for program in reversed(self._started.values()):
            program.terminate()
            try:
                program.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                program.kill()
                program.wait()


def _leave(_signal: int, _frame: FrameType | None) -> None:
    sys.exit(0)


def main() -> None:
    folder = Path(sys.argv[1])
    for stop in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(stop, _leave)
    programs = Programs(folder)
    try:
        for line in sys.stdin:
            sys.stdout.write(json.dumps(programs.answer(json.loads(line))) + "\n")
            sys.stdout.flush()
    finally:
        for stop in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(stop, signal.SIG_IGN)
        programs.end()
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
