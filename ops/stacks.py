"""Reads the stacks that a command is called with; all are checked before the first is used."""

import sys
from collections.abc import Sequence
from pathlib import Path

import click

from infra.config.load import ConfigError, from_file, stack_files
from infra.config.stack import StackConfig

BAD_INPUT = 2


def checked_stacks(stacks: Sequence[str]) -> list[StackConfig]:
    """Return the configurations of the given stack names or files, or of all stacks if none is given.

    If one is invalid, print every problem and end with status 2.
    """
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
        click.echo("\n".join(problems) or "There is no stack file; add stacks/Pulumi.<stack>.yaml.", err=True)
        sys.exit(BAD_INPUT)
    return configs
