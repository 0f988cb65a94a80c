"""The report on a planned stack, independent of its presentation: components, verdicts, and what was not planned."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from ops.plan.changes import Change
from ops.plan.graph import RecordedStack, Resource
from ops.plan.policies import Verdict, Violation

SCHEMA_VERSION = 1

_LATER = {
    "fit of pods to node pools": "not part of the plan yet",
    "quota per cloud family": "not part of the plan yet",
    "cost per month": "not part of the plan yet",
}


@dataclass(frozen=True, kw_only=True)
class NotPlanned:
    """Something that the plan does not cover, and why."""

    subject: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class ComponentRow:
    """One component, or the stack itself, with the resources directly below it. `label` omits the parent's name."""

    depth: int
    name: str
    label: str
    resources: tuple[Resource, ...]

    @property
    def kinds(self) -> str:
        """The kinds of its resources, with counts above one."""
        counts = Counter(resource.type.rpartition(":")[2] for resource in self.resources)
        return ", ".join(kind if count == 1 else f"{count} {kind}" for kind, count in sorted(counts.items()))

    @property
    def protected(self) -> int:
        """How many of its resources are protected from deletion."""
        return sum(bool(resource.options.get("protect")) for resource in self.resources)


@dataclass(frozen=True, kw_only=True)
class StackReport:
    """A planned stack and the findings about it."""

    stack: RecordedStack
    verdicts: tuple[Verdict, ...]
    changes: tuple[Change, ...] | None = None
    """The changes from an earlier stack file; None if there is none to compare with."""

    @property
    def violations(self) -> tuple[Violation, ...]:
        """All violations of all policies."""
        return tuple(violation for verdict in self.verdicts for violation in verdict.violations)

    @property
    def mandatory_violations(self) -> int:
        """How many violations would stop a deployment."""
        return sum(violation.level == "mandatory" for violation in self.violations)

    @property
    def summary(self) -> str:
        """The stack's size in words."""
        components = [row for row in self.components if row.depth]
        resources = sum(len(row.resources) for row in self.components)
        objects = counted(len(self.stack.manifests()), "Kubernetes object")
        return f"{counted(resources, 'resource')} in {counted(len(components), 'component')}, {objects}"

    @property
    def change_summary(self) -> str:
        """The changes in words: `1 to create, 2 to update`, or `nothing to do`."""
        counts = Counter(change.act for change in self.changes or ())
        return ", ".join(f"{count} to {act}" for act, count in sorted(counts.items())) or "nothing to do"

    @property
    def components(self) -> tuple[ComponentRow, ...]:
        """The tree of components, parents before children, each with the resources directly below it.

        The stack itself comes first if it has resources directly below it.
        """
        children: dict[str | None, list[Resource]] = {}
        for resource in self.stack.resources:
            children.setdefault(resource.parent, []).append(resource)
        root = ComponentRow(depth=0, name="", label=self.stack.name, resources=())
        return tuple(row for row in _rows(children, None, root) if row.depth or row.resources)

    @property
    def not_planned(self) -> tuple[NotPlanned, ...]:
        """What offline planning cannot see, by name."""
        seen = [NotPlanned(subject=r.name, reason=reason) for r in self.stack.resources if (reason := _unseen(r))]
        seen += [NotPlanned(subject=token, reason="a look-up in the cloud") for token in self.stack.lookups]
        return (*seen, *(NotPlanned(subject=subject, reason=reason) for subject, reason in _LATER.items()))


def counted(number: int, noun: str) -> str:
    """Return a number with its noun: `1 stack`, `2 stacks`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _rows(
    children: Mapping[str | None, Sequence[Resource]], urn: str | None, row: ComponentRow
) -> Iterable[ComponentRow]:
    below = children.get(urn, ())
    yield replace(row, resources=tuple(r for r in below if r.custom or r.remote))
    for component in below:
        if not component.custom and not component.remote:
            label = component.name.removeprefix(f"{row.name}-")
            found = ComponentRow(depth=row.depth + 1, name=component.name, label=label, resources=())
            yield from _rows(children, component.urn, found)


def _unseen(resource: Resource) -> str:
    """Return why the plan does not show everything that this resource creates; empty if it does."""
    if resource.remote:
        return f"the children of {resource.type}, which its plug-in makes during deployment"
    if resource.type.startswith("kubernetes:helm.sh/"):
        return "the objects of a chart, which is rendered during deployment"
    group = resource.type.removeprefix("kubernetes:").partition("/")[0]
    if resource.is_manifest and "." in group and not group.endswith(".k8s.io"):
        return f"what the operator of {resource.type.rpartition(':')[2]} creates from it"
    return ""


def as_json(reports: Iterable[StackReport]) -> dict[str, Any]:
    """Return the reports as `--json` prints them."""
    return {"schema_version": SCHEMA_VERSION, "stacks": [_stack(report) for report in reports]}


def _stack(report: StackReport) -> dict[str, Any]:
    return {
        "name": report.stack.name,
        "resources": [_resource(resource) for resource in report.stack.resources],
        "policies": [
            {
                "policy": verdict.policy,
                "level": verdict.level,
                "checked": verdict.checked,
                "violations": len(verdict.violations),
                "skipped_reason": verdict.skipped_reason,
            }
            for verdict in report.verdicts
        ],
        "violations": [asdict(violation) for violation in report.violations],
        "changes": None if report.changes is None else [asdict(change) for change in report.changes],
        "not_planned": [asdict(item) for item in report.not_planned],
    }


def _resource(resource: Resource) -> dict[str, Any]:
    return {
        "type": resource.type,
        "name": resource.name,
        "urn": resource.urn,
        "parent": resource.parent,
        "provider": resource.provider,
        "dependencies": list(resource.dependencies),
        "options": dict(resource.options),
        "inputs": dict(resource.inputs),
    }
