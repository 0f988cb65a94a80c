"""`ragspan plan`: shows what stacks would create, without a cloud account, a cluster or a network."""

import json
import signal
import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, NoReturn

import click

if TYPE_CHECKING:  # planning imports take a second, which `--help` need not wait for
    from infra.config.stack import StackConfig
    from ops.plan.graph import RecordedStack
    from ops.plan.report import StackReport

CLEAN, VIOLATED, BAD_INPUT = 0, 1, 2


@click.command()
@click.argument("stacks", nargs=-1, metavar="[STACK]...")
@click.option("--all", "all_stacks", is_flag=True, help="Plan every stack, as without a STACK.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.option("--markdown", "as_markdown", is_flag=True, help="Print Markdown, for a comment on a change.")
@click.option("--render", type=click.Path(file_okay=False, path_type=Path), help="Write the Kubernetes manifests here.")
@click.option(
    "--before",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="A folder of earlier stack files: say what an update from them would do.",
)
def plan(
    *,
    stacks: tuple[str, ...],
    all_stacks: bool,
    as_json: bool,
    as_markdown: bool,
    render: Path | None,
    before: Path | None,
) -> None:
    """Plan stacks offline: resources, Kubernetes manifests, policies.

    STACK is a name such as prod-gcp-europe-west4, or the path of a stack file. Exits with 0 if clean, 1 if a mandatory
    policy is violated, 2 if the input is bad; then nothing is planned.
    """
    if all_stacks and stacks:
        raise click.UsageError("Name stacks or give --all, not both.")
    if as_json and as_markdown:
        raise click.UsageError("Give --json or --markdown, not both.")
    from ops.stacks import checked_stacks  # noqa: PLC0415

    configs = checked_stacks(stacks)
    earlier = _earlier(configs, before) if before else {}
    with _ending_at_ctrl_c():
        reports = [_planned(config) for config in configs]
        if before:
            reports = [_with_changes(report, earlier[report.stack.name]) for report in reports]
    if render:
        _render(reports, render)
    if as_json:
        from ops.plan.report import as_json as document  # noqa: PLC0415

        click.echo(json.dumps(document(reports), indent=2, sort_keys=True))
    elif as_markdown:
        from ops.plan.markdown import as_markdown as comment  # noqa: PLC0415

        click.echo(comment(reports), nl=False)
    else:
        _show(reports)
    sys.exit(VIOLATED if any(report.mandatory_violations for report in reports) else CLEAN)


@contextmanager
def _ending_at_ctrl_c() -> Generator[None]:
    """Let Ctrl+C end the process: a KeyboardInterrupt is sometimes lost inside the SDKs, and the plan would go on."""
    handler = signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)


def _earlier(configs: "Sequence[StackConfig]", folder: Path) -> "dict[str, StackConfig | None]":
    """Return the stacks' configurations in the folder; None for a stack that is not there."""
    from infra.config.load import ConfigError, from_file, stack_files  # noqa: PLC0415
    from infra.config.steps import refused_steps  # noqa: PLC0415

    known = stack_files(folder)
    if not known:
        _end(f"--before {folder} holds no stack file; name a folder with a Pulumi.<stack>.yaml.")
    try:
        earlier = {config.name: from_file(known[config.name]) if config.name in known else None for config in configs}
    except ConfigError as error:
        _end(f"--before cannot be compared with: {error}")
    steps = {config.name: refused_steps(old, config) for config in configs if (old := earlier[config.name])}
    if refused := [str(ConfigError(f"Pulumi.{name}.yaml", found)) for name, found in steps.items() if found]:
        _end("\n".join(refused))
    return earlier


def _planned(config: "StackConfig") -> "StackReport":
    started = perf_counter()
    from ops.plan.policies import check_policies  # noqa: PLC0415
    from ops.plan.report import StackReport  # noqa: PLC0415

    recorded = _recorded(config)
    for warning in recorded.warnings:
        click.echo(f"{config.name}: warning: {warning}", err=True)
    report = StackReport(stack=recorded, verdicts=check_policies(recorded))
    count, seconds = len(recorded.resources), perf_counter() - started
    click.echo(f"{config.name}: {count} resources planned in {seconds:.1f} s", err=True)
    return report


def _with_changes(report: "StackReport", earlier: "StackConfig | None") -> "StackReport":
    from ops.plan.changes import compare  # noqa: PLC0415
    from ops.plan.graph import RecordedStack  # noqa: PLC0415

    nothing = RecordedStack(name=report.stack.name, resources=(), outputs={})
    return replace(report, changes=compare(_recorded(earlier) if earlier else nothing, report.stack))


def _recorded(config: "StackConfig") -> "RecordedStack":
    from pulumi import RunError  # noqa: PLC0415

    from ops.plan.program import plan_stack  # noqa: PLC0415
    from ops.plan.recorder import ProgramFailed  # noqa: PLC0415

    try:
        return plan_stack(config)
    except (ProgramFailed, RunError, ValueError) as error:
        _end(f"{config.name}: {error}")


def _render(reports: "Sequence[StackReport]", folder: Path) -> None:
    from ops.plan.manifests import NotRendered, render  # noqa: PLC0415

    for report in reports:
        try:
            count = render(report.stack, folder)
        except NotRendered as error:
            _end(f"{report.stack.name}: {error}")
        except OSError as error:
            _end(f"--render {folder} cannot be written ({error.strerror}); name a folder that you may write.")
        click.echo(f"{report.stack.name}: {count} manifests in {folder / report.stack.name}", err=True)


def _show(reports: "Sequence[StackReport]") -> None:
    from rich.console import Console  # noqa: PLC0415

    from ops.plan.terminal import show  # noqa: PLC0415

    show(reports, Console())


def _end(message: str) -> NoReturn:
    click.echo(message, err=True)
    sys.exit(BAD_INPUT)
