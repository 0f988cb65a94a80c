"""A rehearsal as a user runs it: its report, and nothing that runs on after it, however it ends."""

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from ops.rehearse.binaries import CONTROL_PLANE, find
from ops.rehearse.control_plane import start_control_plane
from ops.rehearse.programs import ProgramEnded, programs

pytestmark = pytest.mark.needs("kubernetes")

RAGSPAN = Path(sys.executable).with_name("ragspan")


def start(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    """Start a rehearsal; its private folder is in `folder`. Ctrl-C reaches it even where CI runs in the background."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # or it would inherit that the signal is ignored
    environment = {**os.environ, "TMPDIR": str(folder)}
    command = [RAGSPAN, "rehearse", *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)


def running_in(folder: Path) -> list[str]:
    everything = subprocess.run(["ps", "-eww", "-o", "args"], capture_output=True, text=True, check=True).stdout
    return [line for line in everything.splitlines() if str(folder) in line]


def test_a_report_for_tools_and_nothing_left(tmp_path: Path) -> None:
    rehearsal = start(tmp_path, "local", "--json")
    out, err = rehearsal.communicate(timeout=120)
    assert rehearsal.returncode == 0, err
    (stack,) = json.loads(out)["stacks"]
    assert (stack["stack"], stack["passed"], len(stack["pods"])) == ("local", True, 2)
    assert "local: control plane ready in " in err
    assert (list(tmp_path.iterdir()), running_in(tmp_path)) == ([], [])


@pytest.mark.parametrize("by", [signal.SIGKILL, signal.SIGINT])
def test_a_rehearsal_that_is_ended_leaves_nothing_running(tmp_path: Path, by: signal.Signals) -> None:
    with start(tmp_path, "local", "--drills") as rehearsal:
        assert rehearsal.stderr
        said, before = rehearsal.stderr.readline(), running_in(tmp_path)
        rehearsal.send_signal(by)
        _, err = rehearsal.communicate(timeout=60)  # the guard holds standard error until it has ended everything
    assert "Traceback" not in err
    assert "control plane ready" in said
    assert {Path(line.split()[0]).name for line in before} > {*CONTROL_PLANE, "kwok"}
    assert rehearsal.returncode != 0
    assert (list(tmp_path.iterdir()), running_in(tmp_path)) == ([], [])


def test_an_occupied_port_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as occupied:
        port = occupied.getsockname()[1]
        monkeypatch.setattr("ops.rehearse.control_plane.free_port", lambda: port)
        with pytest.raises(ProgramEnded, match="address already in use"), programs() as running:
            start_control_plane(running, find(CONTROL_PLANE))
