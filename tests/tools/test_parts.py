"""What a person sees of the parts that a test run misses, and what a test may reach."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.parts import PARTS

ROOT = Path(__file__).parents[2]
PROBE = """import pytest
@pytest.mark.needs("chromium")
def test_probe(): ...
"""


def run_probe(folder: Path, source: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Run pytest with the project's own conftest alone on one file, with no part on PATH or in the cache."""
    (folder / "test_probe.py").write_text(source)
    command = [sys.executable, "-m", "pytest", "-p", "tests.conftest", "-c", str(ROOT / "pyproject.toml"), str(folder)]
    environment = {
        "PATH": "",
        "XDG_CACHE_HOME": str(folder),
        "PYTHONPATH": str(ROOT),
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        **env,
    }
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, cwd=folder)


def test_a_missing_part_skips_the_test_and_the_summary_says_how_to_get_it(tmp_path: Path) -> None:
    run = run_probe(tmp_path, PROBE)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "1 skipped" in run.stdout
    assert "not here: chromium" in run.stdout
    assert "apt-get install chromium" in run.stdout


def test_a_missing_part_fails_where_all_are_required(tmp_path: Path) -> None:
    run = run_probe(tmp_path, PROBE, REQUIRE_PARTS="all")
    assert run.returncode == 1
    assert "chromium is neither on PATH nor in" in run.stdout


def test_a_part_in_the_cache_folder_is_found(tmp_path: Path) -> None:
    binary = tmp_path / "ragspan" / "bin" / "chromium"
    binary.parent.mkdir(parents=True)
    binary.touch(0o755)
    assert "1 passed" in run_probe(tmp_path, PROBE).stdout


def test_a_part_of_several_programs_is_missing_until_all_are_there(tmp_path: Path) -> None:
    folder = tmp_path / "ragspan" / "bin"
    folder.mkdir(parents=True)
    (folder / "kube-apiserver").touch(0o755)
    assert "1 skipped" in run_probe(tmp_path, PROBE.replace("chromium", "kubernetes")).stdout
    for name in PARTS["kubernetes"].beside:
        (folder / name).touch(0o755)
    assert "1 passed" in run_probe(tmp_path, PROBE.replace("chromium", "kubernetes")).stdout


def test_a_part_with_files_in_the_cache_is_missing_without_them(tmp_path: Path) -> None:
    probe = PROBE.replace("chromium", "custom-resources")
    (tmp_path / "node").touch(0o755)
    assert "1 skipped" in run_probe(tmp_path, probe, PATH=str(tmp_path)).stdout
    installed = tmp_path / "ragspan" / "custom-resources" / "package-lock.json"
    installed.parent.mkdir(parents=True)
    installed.touch()
    assert "1 passed" in run_probe(tmp_path, probe, PATH=str(tmp_path)).stdout


@pytest.mark.parametrize(("status", "outcome"), [(0, "1 passed"), (1, "1 skipped")])
def test_a_part_that_may_not_do_its_work_here_is_missing(tmp_path: Path, status: int, outcome: str) -> None:
    folder = tmp_path / "ragspan" / "bin"
    folder.mkdir(parents=True)
    for name in (*PARTS["namespaces"].names, *PARTS["namespaces"].beside):
        (folder / name).write_text(f"#!/bin/sh\nexit {status}\n")
        (folder / name).chmod(0o755)
    assert outcome in run_probe(tmp_path, PROBE.replace("chromium", "namespaces")).stdout


def test_a_part_that_nobody_listed_is_refused(tmp_path: Path) -> None:
    run = run_probe(tmp_path, PROBE.replace("chromium", "chromum"))
    assert run.returncode == pytest.ExitCode.USAGE_ERROR
    assert "needs 'chromum'; tests/support/parts.py knows" in run.stderr + run.stdout


def test_a_test_cannot_reach_another_machine() -> None:
    with pytest.raises(AssertionError, match="this machine only"):
        socket.create_connection(("192.0.2.1", 80), timeout=1)


def test_a_test_can_reach_this_machine() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as client:
        assert client.getpeername() == server.getsockname()
