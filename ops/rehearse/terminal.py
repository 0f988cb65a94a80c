"""Shows the rehearsal in a terminal."""

from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ops.plan.report import counted
from ops.rehearse.report import DrillResult, Rehearsed

_MARKS = {None: "   ", True: "  [green]✔[/green]", False: "  [red]✘[/red]"}


def show(rehearsed: Sequence[Rehearsed], console: Console, *, strict: bool) -> None:
    """Print each stack's refusals, pods, pools, quotas, drills, assumptions and omissions, then the totals.

    Tables are as wide as the page; sentences stay on one line each, so that a log can be searched.
    """
    for one in rehearsed:
        title = f"\n[bold]{escape(one.stack)}[/bold]  Kubernetes {one.kubernetes}, {_counts(one)}"
        console.print(title, highlight=False, soft_wrap=True)
        for result in one.refused:
            refusal = f"{escape(result.object)}: {escape(result.reason)}"
            console.print(f"  [red]✘[/red] {refusal}", highlight=False, soft_wrap=True)
        console.print(_pods(one))
        console.print(_pools(one))
        console.print(_quotas(one))
        if one.drills:
            _show_drills(one.drills, console)
        _show_list(
            console, "Stood in", [*one.stand_ins, *(f"{s.object} {s.field}: {s.found}" for s in one.substitutions)]
        )
        _show_list(console, "Custom resources", list(_kinds(one)))
        _show_list(console, "Assumed", one.assumptions)
        _show_list(console, "Not rehearsed", [f"{item.subject}: {item.reason}" for item in one.not_rehearsed])
    failed = sum(not one.passed(strict=strict) for one in rehearsed)
    colour = "red" if failed else "green"
    console.print(
        f"\n[bold]{counted(len(rehearsed), 'stack')}, [{colour}]{failed} failed[/{colour}][/bold]", highlight=False
    )


def _counts(one: Rehearsed) -> str:
    accepted = sum(result.outcome in {"accepted", "checked"} for result in one.objects)
    unchecked = sum(result.outcome == "unchecked" for result in one.objects)
    not_checked = f", {unchecked} not checked" if unchecked else ""
    placed, pods = len(one.pods) - len(one.unplaced), counted(len(one.pods), "pod")
    return f"{accepted} of {counted(len(one.objects), 'object')} accepted{not_checked}, {placed} of {pods} placed"


def _kinds(one: Rehearsed) -> Iterator[str]:
    for kind in one.custom_kinds:
        if kind.by:
            held = f"{counted(kind.objects, 'object')} held against {kind.by}"
            yield f"{kind.kind}: {held}; not checked: {', '.join(kind.not_checked)}"


def _pods(one: Rehearsed) -> Table:
    table = _table("pod", "node", "zone")
    for pod in one.pods:
        where = escape(pod.node) or f"[red]{escape(pod.words)}[/red]"
        table.add_row(f"  {escape(pod.pod)}", where, pod.zone)
    return table


def _pools(one: Rehearsed) -> Table:
    table = _table("pool", "capacity", "machine", "used", "running", "min-max")
    for pool in one.pools:
        bounds = f"{pool.min_nodes}-{pool.max_nodes}"
        table.add_row(f"  {pool.pool}", pool.capacity, pool.machine_type, str(pool.used), str(pool.running), bounds)
    return table


def _quotas(one: Rehearsed) -> Table | str:
    if not one.quotas:
        return "  [dim]no ResourceQuota in its namespaces[/dim]"
    table = _table("quota", "resource", "used", "of")
    for quota in one.quotas:
        table.add_row(f"  {quota.quota}", quota.resource, quota.used, quota.hard)
    return table


def _show_drills(drills: Sequence[DrillResult], console: Console) -> None:
    table = _table("drill", "workload", "fewest ready", "after", "survives")
    for drill in drills:
        table.add_row(
            f"{_MARKS[drill.passed]} {drill.drill}: {drill.target}",
            escape(drill.workload.rpartition("/")[2]),
            f"{drill.lowest_ready} of {drill.replicas}",
            str(drill.ready_after),
            "yes" if drill.survives else "[yellow]no[/yellow]",
        )
    console.print(table)
    for drill in drills:
        if drill.words and (drill.passed is False or drill.ready_after < drill.replicas):
            where = f"{drill.drill}: {drill.target}, {drill.workload}"
            console.print(f"  [dim]{escape(where)}: {escape(drill.words)}[/dim]", highlight=False, soft_wrap=True)


def _table(*columns: str) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for number, column in enumerate(columns):
        table.add_column(column if number else f"  {column}", no_wrap=number == 0)
    return table


def _show_list(console: Console, title: str, lines: Sequence[str]) -> None:
    if lines:
        console.print(f"[bold]{title}[/bold]")
    for line in lines:
        console.print(f"  [dim]{escape(line)}[/dim]", highlight=False, soft_wrap=True)
