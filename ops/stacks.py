"""Reads the stacks that a command is called with; all are checked before the first is used."""

from collections.abc import Sequence
from pathlib import Path

from infra.config.load import ConfigError, from_file, stack_files
from infra.config.stack import StackConfig


class BadStacks(Exception):
    """A stack's name or file is invalid; the text has one line for each problem."""


def read_stacks(stacks: Sequence[str]) -> list[StackConfig]:
    """Return the configurations of the given stack names or files, or of all stacks if none. Raises BadStacks."""
    known = stack_files()
    configs: list[StackConfig] = []
    problems: list[str] = []
    for stack in dict.fromkeys(stacks or known):
        path = Path(stack) if stack.endswith(".yaml") else known.get(stack)
        if path is None:
            problems.append(f"There is no stack {stack!r}; there are {', '.join(known)}, or give a stack file's path.")
            continue
        try:
            configs.append(from_file(path))
        except ConfigError as error:
            problems.append(str(error))
    if problems or not configs:
        raise BadStacks("\n".join(problems) or "There is no stack file; add stacks/Pulumi.<stack>.yaml.")
    return configs
