"""What was measured is shown, also where the test passes."""

import sys
from collections.abc import Callable

import pytest

from tests.app.api.conftest import anyio_backend

__all__ = ["anyio_backend"]


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Callable[[str], None]:
    """Write a line to the terminal."""

    def write(line: str) -> None:
        with capsys.disabled():
            sys.stdout.write(f"\n{line}\n")

    return write
