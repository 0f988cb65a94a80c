"""`ragspan rehearse`: deploys stacks to a real Kubernetes control plane and places their pods on fake nodes."""

import json
import sys
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
from time import perf_counter
from typing import TYPE_CHECKING, NoReturn

import click

if TYPE_CHECKING:  # rehearsal imports take a second, which `--help` need not wait for
    from infra.config.stack import StackConfig
    from ops.plan.graph import RecordedStack
    from ops.rehearse.api import Api
    from ops.rehearse.report import Rehearsed

WELL, NOT_WELL, NOT_REHEARSED = 0, 1, 2


@click.command()
@click.argument("stacks", nargs=-1, metavar="[STACK]...")
@click.option("--all", "all_stacks", is_flag=True, help="Rehearse every stack.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.option("--strict", is_flag=True, help="Fail also if something of a stack could not be rehearsed.")
@click.option("--drills", is_flag=True, help="Drain nodes, roll out images, lose zones and spot nodes; takes minutes.")
@click.option("--context", help="Rehearse on this context's cluster instead of one started here.")
@click.option("--disposable", is_flag=True, help="Confirm that the context's cluster may be thrown away.")
def rehearse(
    *,
    stacks: tuple[str, ...],
    all_stacks: bool,
    as_json: bool,
    strict: bool,
    drills: bool,
    context: str | None,
    disposable: bool,
) -> None:
    """Rehearse stacks on a real API server, scheduler and controllers, with fake nodes.

    STACK is a name such as prod-gcp-europe-west4, or the path of a stack file. Exits with 0 if every object is accepted
    and every pod placed, 1 if not (or a drill fails), 2 if it could not be rehearsed.
    """
    if all_stacks == bool(stacks):
        raise click.UsageError("Name stacks or give --all.")
    if disposable != bool(context):
        raise click.UsageError(
            "--context and --disposable go together: a rehearsal creates and deletes nodes and namespaces there."
        )
    from ops.stacks import checked_stacks  # noqa: PLC0415

    rehearsed = [_rehearsed(config, context=context, drills=drills) for config in checked_stacks(stacks)]
    if as_json:
        from ops.rehearse.report import as_json as document  # noqa: PLC0415

        click.echo(json.dumps(document(rehearsed, strict=strict), indent=2, sort_keys=True))
    else:
        from rich.console import Console  # noqa: PLC0415

        from ops.rehearse.terminal import show  # noqa: PLC0415

        show(rehearsed, Console(), strict=strict)
    sys.exit(WELL if all(one.passed(strict=strict) for one in rehearsed) else NOT_WELL)


def _rehearsed(config: "StackConfig", *, context: str | None, drills: bool) -> "Rehearsed":
    from pulumi import RunError  # noqa: PLC0415

    from ops.plan.program import plan_stack  # noqa: PLC0415
    from ops.plan.recorder import ProgramFailed  # noqa: PLC0415
    from ops.rehearse.failures import FAILURES  # noqa: PLC0415
    from ops.rehearse.rehearsal import rehearse as rehearse_stack  # noqa: PLC0415

    def progress(said: str) -> None:
        click.echo(f"{config.name}: {said}", err=True)

    try:
        recorded = plan_stack(config)
        with _cluster(context, recorded, progress) as api:
            return rehearse_stack(api, config, recorded, drills=drills, progress=progress)
    except (ProgramFailed, RunError, ValueError, *FAILURES) as error:
        _end(f"{config.name}: {error}")


@contextmanager
def _cluster(context: str | None, recorded: "RecordedStack", progress: Callable[[str], None]) -> "Generator[Api]":
    """Yield an API server with fake kubelets: one started here, or the context's, which is restored afterwards."""
    from ops.rehearse.api import Api  # noqa: PLC0415
    from ops.rehearse.binaries import CONTROL_PLANE, FAKE_KUBELETS, find  # noqa: PLC0415
    from ops.rehearse.connection import of_context  # noqa: PLC0415
    from ops.rehearse.control_plane import start_control_plane  # noqa: PLC0415
    from ops.rehearse.existing import disposable_cluster  # noqa: PLC0415
    from ops.rehearse.kubelets import start_kubelets  # noqa: PLC0415
    from ops.rehearse.programs import programs  # noqa: PLC0415

    started = perf_counter()
    paths = find((FAKE_KUBELETS,) if context else (*CONTROL_PLANE, FAKE_KUBELETS))
    with programs() as running:
        connection = of_context(context, running.folder) if context else start_control_plane(running, paths)
        start_kubelets(running, paths[FAKE_KUBELETS], connection)
        progress(f"control plane ready in {perf_counter() - started:.1f} s")
        try:
            with ExitStack() as leaving:
                api = leaving.enter_context(Api(connection))
                if context:
                    leaving.enter_context(disposable_cluster(api, context, recorded.manifests()))
                yield api
        except OSError:
            running.check()  # raises a better error if a program has ended
            raise


def _end(message: str) -> NoReturn:
    click.echo(message, err=True)
    sys.exit(NOT_REHEARSED)
