"""Renders the plan as Markdown, for a comment on a change."""

from collections.abc import Iterator, Sequence

from ops.plan.policies import Verdict
from ops.plan.report import StackReport, counted

_ACTS = {"replace": "❗ replace", "delete": "❗ delete"}


def as_markdown(reports: Sequence[StackReport]) -> str:
    """Return one section per stack, with the resources folded away."""
    return "\n".join(line for report in reports for line in _stack(report)) + "\n"


def _stack(report: StackReport) -> Iterator[str]:
    mandatory = report.mandatory_violations
    state = f"❌ {counted(mandatory, 'mandatory violation')}" if mandatory else "✅"
    yield f"### `{report.stack.name}` {state}\n"
    yield "| policy | level | verdict |\n| --- | --- | --- |"
    for verdict in report.verdicts:
        yield f"| {verdict.policy} | {verdict.level} | {_cell(_verdict(verdict))} |"
    if report.violations:
        yield "\n| resource | policy | violation |\n| --- | --- | --- |"
    for violation in report.violations:
        yield f"| `{violation.urn.rpartition('::')[2]}` | {violation.policy} | {_cell(violation.message)} |"
    if report.changes is not None:
        yield f"\nUpdate: {report.change_summary}\n\n| change | resource | inputs |\n| --- | --- | --- |"
    for change in report.changes or ():
        resource = f"`{change.name}` {change.type.rpartition(':')[2]}"
        yield f"| {_ACTS.get(change.act, change.act)} | {resource} | {_cell(change.reason)} |"
    yield f"\n<details><summary>{report.summary}</summary>\n"
    yield "| component | resources | protected |\n| --- | --- | --- |"
    for row in report.components:
        yield f"| {'&nbsp;' * 2 * max(row.depth - 1, 0)}`{row.label}` | {row.kinds} | {row.protected or ''} |"
    yield "\n</details>\n"
    yield "<details><summary>Not planned</summary>\n"
    yield from (f"* {item.subject}: {item.reason}" for item in report.not_planned)
    yield "\n</details>\n"


def _verdict(verdict: Verdict) -> str:
    found = f"{counted(len(verdict.violations), 'violation')} in {verdict.checked} checked" if verdict.checked else ""
    skipped = f"not evaluated: {verdict.skipped_reason}" if verdict.skipped_reason else ""
    return "; ".join(part for part in (found, skipped) if part)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ").replace("<", "&lt;")
