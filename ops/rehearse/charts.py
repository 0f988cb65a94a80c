"""Stand-ins for the pods of charts, which are not rendered: as many as the values say, with the size they declare."""

from collections.abc import Iterator, Mapping
from typing import Any, cast

from ops.plan.graph import RecordedStack
from ops.rehearse.fleet import REHEARSAL_LABEL

NAMESPACE = "ragspan-rehearsal-charts"
_CHART = "kubernetes:helm.sh/"


def chart_names(stack: RecordedStack) -> tuple[str, ...]:
    """Return the logical names of the stack's charts."""
    return tuple(resource.name for resource in stack.resources if resource.type.startswith(_CHART))


def reservations(stack: RecordedStack) -> list[dict[str, Any]]:
    """Return Deployments that take the room of the charts' pods, preceded by their namespace.

    A chart whose values declare no requests gets none.
    """
    charts = {name: values for name, values in _values(stack) if any(_requests(values))}
    made = [_deployment(name, values) for name, values in charts.items()]
    metadata = {"name": NAMESPACE, "labels": {REHEARSAL_LABEL: "object"}}
    return [{"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}, *made] if made else []


def _values(stack: RecordedStack) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for resource in stack.resources:
        values: object = resource.inputs.get("values")
        if resource.type.startswith(_CHART) and isinstance(values, Mapping):
            yield resource.name, cast("Mapping[str, Any]", values)


def _requests(value: object) -> Iterator[Mapping[str, str]]:
    """Yield all `resources.requests` in a chart's values, at any depth."""
    if not isinstance(value, Mapping):
        return
    for key, item in cast("Mapping[str, Any]", value).items():
        if key == "resources" and "requests" in (item or {}):
            yield item["requests"]
        else:
            yield from _requests(item)


def _deployment(name: str, values: Mapping[str, Any]) -> dict[str, Any]:
    labels = {"app.kubernetes.io/name": name}
    containers = [
        {"name": f"part-{number}", "image": "registry.k8s.io/pause:3.10", "resources": {"requests": requests}}
        for number, requests in enumerate(_requests(values))
    ]
    pod = {key: values[key] for key in ("nodeSelector", "tolerations") if key in values}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {
            "replicas": values.get("replicas", 1),
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {**pod, "containers": containers}},
        },
    }
