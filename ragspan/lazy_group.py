"""A click group that imports a subcommand's module only when that subcommand is called."""

import signal
from collections.abc import Mapping
from difflib import get_close_matches
from importlib import import_module
from typing import Any

import click

INTERRUPTED = 128 + signal.SIGINT
"""What a shell reports of a program that Ctrl+C ended; 1 is a verdict of `plan` and `rehearse`."""


class LazyGroup(click.Group):
    """`lazy` maps a command's name to `module:attribute` and the line that the group's help shows for it."""

    def __init__(self, *args: Any, lazy: Mapping[str, tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._lazy = lazy

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(self._lazy)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in self._lazy:
            return None
        module, _, attribute = self._lazy[cmd_name][0].partition(":")
        command: click.Command = getattr(import_module(module), attribute)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if (name := args[0]) not in self._lazy and (close := get_close_matches(name, self._lazy, n=1)):
            ctx.fail(f"No such command '{name}'; did you mean {close[0]}?")
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            click.echo("\nInterrupted.", err=True)
            ctx.exit(INTERRUPTED)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, summary) in self._lazy.items()])
