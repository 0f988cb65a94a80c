"""Runs the programs of one rehearsal under a guard, which ends them even if the rehearsal is killed."""

import json
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

_GUARD = Path(__file__).with_name("guard.py")
_LOG_CHARS = 1500


class ProgramEnded(Exception):
    """A program ended before the rehearsal did."""


class Programs:
    """Starts programs in `folder`, which is private to this user, and notices when one ends."""

    def __init__(self, folder: Path, guard: "subprocess.Popen[str]") -> None:
        self.folder = folder
        self._guard = guard
        self.pids: dict[str, int] = {"guard": guard.pid}
        """The process ids by name, including the guard's."""

    def start(self, path: Path, *arguments: str) -> None:
        """Start a program, named after its file."""
        self._ask({"start": path.name, "command": [str(path), *arguments]})

    def check(self) -> None:
        """Raise ProgramEnded, with the end of the log, if a program has ended."""
        self._ask({})

    def _ask(self, request: dict[str, object]) -> None:
        assert self._guard.stdin, self._guard.stdout  # noqa: S101 - both are pipes
        try:
            self._guard.stdin.write(json.dumps(request) + "\n")
            self._guard.stdin.flush()
        except BrokenPipeError:
            raise ProgramEnded("The guard of the rehearsal's programs was ended, and they with it.") from None
        answer = json.loads((self._guard.stdout and self._guard.stdout.readline()) or "{}")
        self.pids |= answer.get("pids", {})
        for name, status in answer.get("ended", {}).items():
            log = (self.folder / f"{name}.log").read_text(encoding="utf-8", errors="replace").strip()
            raise ProgramEnded(f"{name} ended with status {status}; its log ends with:\n{log[-_LOG_CHARS:]}")


@contextmanager
def programs() -> Generator[Programs]:
    """Yield programs in a private folder. On leaving, or if this process dies, they end and the folder is removed."""
    folder = Path(tempfile.mkdtemp(prefix="ragspan-rehearse-"))  # mode 0700
    guard = subprocess.Popen(  # noqa: S603 - our own file
        [sys.executable, "-I", str(_GUARD), str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,  # Ctrl-C in a terminal then reaches only this process
    )
    try:
        yield Programs(folder, guard)
    finally:
        with _undisturbed():
            guard.communicate()  # closes its input
            shutil.rmtree(folder, ignore_errors=True)  # in case the guard was ended before it could do so


@contextmanager
def _undisturbed() -> Generator[None]:
    """Ignore an impatient second Ctrl-C until everything has ended."""
    before = signal.getsignal(signal.SIGINT)
    with suppress(ValueError):  # only allowed in the main thread
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        with suppress(ValueError):
            signal.signal(signal.SIGINT, before)
