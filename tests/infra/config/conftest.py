"""A shipped stack file with something changed, and what is said about it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from infra.config.errors import ConfigError
from infra.config.load import from_file, stack_files

Refusal = Callable[..., str]


@pytest.fixture
def refusal(tmp_path: Path) -> Refusal:
    """Call it with a stack's name and pairs of texts to replace: it returns the lines that refuse the file."""

    def refuse(stack: str, *changes: tuple[str, str]) -> str:
        text = stack_files()[stack].read_text()
        for old, new in changes:
            assert old in text, f"the stack file of {stack} has no {old!r} to replace"
            text = text.replace(old, new, 1)
        return refused(tmp_path / f"Pulumi.{stack}.yaml", text)

    return refuse


def refused(path: Path, text: str) -> str:
    """Write the text to the path and return the message with which it is refused."""
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        from_file(path)
    return str(caught.value)
