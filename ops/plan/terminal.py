"""Shows the plan in a terminal."""

from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ops.plan.policies import Verdict
from ops.plan.report import ComponentRow, StackReport, counted

_COLOURS = {"create": "green", "update": "cyan", "replace": "red", "delete": "red"}


def show(reports: Sequence[StackReport], console: Console) -> None:
    """Print each stack's components, verdicts and unplanned parts, then the totals.

    Tables are as wide as the page; sentences stay on one line each, so that a log can be searched.
    """
    for report in reports:
        console.print(f"\n[bold]{escape(report.stack.name)}[/bold]  {report.summary}", highlight=False)
        console.print(_components(report.components))
        _show_policies(report, console)
        if report.changes is not None:
            _show_changes(report, console)
        console.print("[bold]Not planned[/bold]")
        for item in report.not_planned:
            line = f"{escape(item.subject)}: {escape(item.reason)}"
            console.print(f"  [dim]{line}[/dim]", highlight=False, soft_wrap=True)
    _show_totals(reports, console)


def _components(rows: Sequence[ComponentRow]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("  component", no_wrap=True)
    table.add_column("count", justify="right", no_wrap=True)
    table.add_column("protected", justify="right", no_wrap=True)
    table.add_column("resources")
    for row in rows:
        label = "  " * max(row.depth, 1) + escape(row.label)
        table.add_row(label, str(len(row.resources) or ""), str(row.protected or ""), escape(row.kinds))
    return table


def _show_policies(report: StackReport, console: Console) -> None:
    console.print("[bold]Policies[/bold]")
    for verdict in report.verdicts:
        console.print(f"  {_verdict(verdict)}", highlight=False, soft_wrap=True)
        for violation in verdict.violations:
            resource = violation.urn.rpartition("::")[2]
            sentence = f"{escape(resource)}: {escape(violation.message)}"
            console.print(f"      {sentence}", highlight=False, soft_wrap=True)
        if verdict.skipped_reason and verdict.checked:
            reason = f"[yellow]not evaluated:[/yellow] {escape(verdict.skipped_reason)}"
            console.print(f"      {reason}", highlight=False, soft_wrap=True)


def _show_changes(report: StackReport, console: Console) -> None:
    console.print(f"[bold]Changes[/bold]  {report.change_summary}", highlight=False)
    for change in report.changes or ():
        act = f"[{_COLOURS[change.act]}]{change.act}[/]"
        kind, why = change.type.rpartition(":")[2], escape(change.reason)
        console.print(f"  {act} {escape(change.name)} [dim]{kind}[/dim]  {why}", highlight=False, soft_wrap=True)


def _verdict(verdict: Verdict) -> str:
    name = f"{verdict.policy} [dim]{verdict.level}[/dim]"
    if verdict.violations:
        return f"[red]✘[/red] {name}  {counted(len(verdict.violations), 'violation')}"
    if not verdict.checked:
        return f"[yellow]-[/yellow] {name}  not evaluated: {escape(verdict.skipped_reason or '')}"
    return f"[green]✔[/green] {name}  {verdict.checked} checked"


def _show_totals(reports: Sequence[StackReport], console: Console) -> None:
    mandatory = sum(report.mandatory_violations for report in reports)
    advisory = sum(len(report.violations) for report in reports) - mandatory
    colour = "red" if mandatory else "green"
    console.print(
        f"\n[bold]{counted(len(reports), 'stack')}, "
        f"[{colour}]{counted(mandatory, 'mandatory violation')}[/{colour}], {advisory} advisory[/bold]",
        highlight=False,
    )
