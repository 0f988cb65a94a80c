"""S9: a quarter of a minute of fuzzing each, guided by coverage; ten minutes by hand, see tests/fuzz/__main__.py."""

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.fuzz.targets import TARGETS

ROOT = Path(__file__).parents[2]
SECONDS = 15


@pytest.mark.skipif(find_spec("atheris") is None, reason="Atheris has wheels for Linux and Python below 3.14 only")
@pytest.mark.parametrize("name", TARGETS)
def test_nothing_breaks_a_promise(name: str) -> None:
    command = [sys.executable, "-m", "tests.fuzz", name, str(SECONDS)]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=20 * SECONDS, check=False)
    assert run.returncode == 0, run.stderr[-3000:]
    assert "Done " in run.stderr, "the fuzzer says how many runs it did"
