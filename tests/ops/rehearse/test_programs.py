"""Whatever becomes of a rehearsal, its programs end and its folder goes."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ops.rehearse.programs import ProgramEnded, Programs, programs

REHEARSAL = """
import pathlib, sys
from ops.rehearse.programs import programs
with programs() as running:
    running.start(pathlib.Path("/bin/sleep"), "600")
    print(running.pids["sleep"], running.folder, flush=True)
    sys.stdin.read()
"""


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_leaving_ends_them_and_removes_the_private_folder() -> None:
    with programs() as running:
        running.start(Path("/bin/sleep"), "600")
        running.check()
        assert is_alive(running.pids["sleep"])
        assert running.folder.stat().st_mode & 0o777 == 0o700
    assert not any(is_alive(pid) for pid in running.pids.values())
    assert not running.folder.exists()


@pytest.mark.parametrize("by", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_rehearsal_that_is_ended_leaves_nothing(by: signal.Signals) -> None:
    rehearsal = subprocess.Popen(
        [sys.executable, "-c", REHEARSAL],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[3],
    )
    assert rehearsal.stdout
    pid, folder = rehearsal.stdout.readline().split()
    rehearsal.send_signal(by)
    rehearsal.communicate(timeout=30)  # the guard holds standard error until it has ended everything
    assert not is_alive(int(pid))
    assert not Path(folder).exists()


def test_a_program_that_ends_too_early_is_told_with_its_log() -> None:
    with (
        programs() as running,
        pytest.raises(ProgramEnded, match=r"sleep ended with status 1; its log ends with:\n.*invalid"),
    ):
        start_and_check_until_it_fails(running, Path("/bin/sleep"), "long")


def test_an_ended_guard_is_told() -> None:
    with programs() as running:
        os.kill(running.pids["guard"], signal.SIGTERM)
        with pytest.raises(ProgramEnded, match="guard"):
            check_until_it_fails(running)
    assert not running.folder.exists()


def start_and_check_until_it_fails(running: Programs, program: Path, argument: str) -> None:
    running.start(program, argument)
    check_until_it_fails(running)


def check_until_it_fails(running: Programs) -> None:
    while True:
        running.check()
