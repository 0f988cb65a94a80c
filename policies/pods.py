"""Finds the pod in every kind of resource that creates pods, so that a rule about pods is a single function.

Values are passed as the analyser provides them: camelCase mappings and lists that raise UnknownValueError when a value
that only the cluster knows is read. Nothing here catches it: what is unknown is not judged.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from pulumi_policy import EnforcementLevel, ReportViolation, ResourceValidationArgs, ResourceValidationPolicy

POD_PATHS: Mapping[str, tuple[str, ...]] = {
    "kubernetes:core/v1:Pod": ("spec",),
    "kubernetes:core/v1:PodTemplate": ("template", "spec"),
    "kubernetes:core/v1:ReplicationController": ("spec", "template", "spec"),
    "kubernetes:apps/v1:DaemonSet": ("spec", "template", "spec"),
    "kubernetes:apps/v1:Deployment": ("spec", "template", "spec"),
    "kubernetes:apps/v1:ReplicaSet": ("spec", "template", "spec"),
    "kubernetes:apps/v1:StatefulSet": ("spec", "template", "spec"),
    "kubernetes:batch/v1:CronJob": ("spec", "jobTemplate", "spec", "template", "spec"),
    "kubernetes:batch/v1:Job": ("spec", "template", "spec"),
}
"""The path of the pod's spec in each workload type."""


def at(value: Any, *path: str) -> Any:
    """Return the value at the path, or None if there is none."""
    for key in path:
        if not isinstance(value, Mapping) or key not in value:
            return None
        value = cast("Mapping[str, Any]", value)[key]
    return value


def items(value: Any) -> Sequence[Any]:
    """Return the elements of a list; none if it is missing."""
    return cast("Sequence[Any]", value) if isinstance(value, Sequence) and not isinstance(value, str) else ()


def shown(value: Any) -> str:
    """Return the value as a manifest would write it; the analyser provides every number as a float."""
    match value:
        case None:
            return "missing"
        case bool():
            return str(value).lower()
        case float() if value.is_integer():
            return str(int(value))
        case _:
            return str(value)


@dataclass(frozen=True)
class Container:
    """One container: its name for messages, and its spec."""

    label: str
    spec: Any


@dataclass(frozen=True)
class Pod:
    """The pod that a resource creates. `spec` is None if the resource does not describe it."""

    workload: str
    spec: Any

    def containers(self) -> Iterator[Container]:
        """Yield every container, including init containers."""
        for key, role in (("initContainers", "init container"), ("containers", "container")):
            for index, spec in enumerate(items(at(self.spec, key))):
                yield Container(f"{role} {at(spec, 'name') or index}", spec)


PodCheck = Callable[[Pod], Iterable[str]]
"""Yields one sentence for each problem with a pod."""


def pod_rule(name: str, description: str, check: PodCheck) -> ResourceValidationPolicy:
    """Return a mandatory rule for every resource that creates pods; one without containers violates it."""

    def validate(args: ResourceValidationArgs, report_violation: ReportViolation) -> None:
        path = POD_PATHS.get(args.resource_type)
        if path is None:
            args.not_applicable("it makes no pods")
            return
        pod = Pod(args.resource_type.rpartition(":")[2], at(args.props, *path))
        if not list(pod.containers()):
            report_violation(f"{'.'.join(path)}.containers is missing; a workload names its containers", None)
        for problem in check(pod):
            report_violation(problem, None)

    return ResourceValidationPolicy(name, description, validate, EnforcementLevel.MANDATORY)
