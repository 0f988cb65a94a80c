"""A stack's Kubernetes objects in the form and order in which they are applied, with stand-ins for unknown values."""

import base64
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from graphlib import TopologicalSorter
from typing import Any, cast

from ops.plan.graph import COMPUTED, SECRET, Manifest, RecordedStack

_MAKE_PODS = ("CronJob", "DaemonSet", "Deployment", "Job", "StatefulSet")
STAND_IN = "rehearsal"
"""The text that replaces an unknown or secret one."""


@dataclass(frozen=True, kw_only=True)
class Substitution:
    """A replaced value that only a deployment knows: in which object and field, and what was `found` there."""

    object: str
    field: str
    found: str


def label(manifest: Manifest) -> str:
    """Return a label such as `Deployment ragspan/llm`."""
    return f"{manifest.kind} {manifest.namespace}/{manifest.name}".replace(" /", " ")


def in_order(stack: RecordedStack) -> list[Manifest]:
    """Return the stack's objects, each after everything that it depends on in the graph."""
    known = {resource.urn for resource in stack.resources}
    sorter: TopologicalSorter[str] = TopologicalSorter()
    for resource in stack.resources:
        before = {*resource.dependencies, resource.provider or resource.urn} & known
        sorter.add(resource.urn, *sorted(before - {resource.urn}))
    manifests = {manifest.urn: manifest for manifest in stack.manifests()}
    return [manifests[urn] for urn in sorter.static_order() if urn in manifests]


def applicable(manifest: Manifest) -> tuple[dict[str, Any], list[Substitution]]:
    """Return the object to apply, and the stand-ins in it for unknown or secret values."""
    found: list[Substitution] = []
    body = _substituted(manifest.body, (), label(manifest), found)
    return {**body, "metadata": {**body.get("metadata", {}), "name": manifest.name}}, found


def _substituted(value: Any, path: tuple[str, ...], of: str, found: list[Substitution]) -> Any:
    if isinstance(value, Mapping):
        fields = cast("Mapping[str, Any]", value)
        return {key: _substituted(item, (*path, key), of, found) for key, item in fields.items()}
    if isinstance(value, list):
        items = cast("list[Any]", value)
        return [_substituted(item, (*path, str(index)), of, found) for index, item in enumerate(items)]
    marks = [mark for mark in (SECRET, COMPUTED) if isinstance(value, str) and mark in value]
    if not marks:
        return value
    found.append(Substitution(object=of, field=".".join(path), found=marks[0]))
    if of.startswith("Secret ") and path in {("data",), ("stringData",)}:  # secret as a whole, including its keys
        return {}
    if of.startswith("Secret ") and path[0] == "data":
        return base64.b64encode(STAND_IN.encode()).decode()
    return value.replace(SECRET, STAND_IN).replace(COMPUTED, STAND_IN)


def secrets_named(manifests: Sequence[Manifest]) -> dict[tuple[str, str], set[str]]:
    """Return the keys that pods use from Secrets not created by the stack, by namespace and Secret."""
    own = {(manifest.namespace, manifest.name) for manifest in manifests if manifest.kind == "Secret"}
    wanted: dict[tuple[str, str], set[str]] = {}
    for manifest in manifests:
        for name, key in _secret_keys(pod_spec(manifest)):
            if (manifest.namespace, name) not in own:
                wanted.setdefault((manifest.namespace, name), set()).update({key} - {""})
    return wanted


def pod_spec(manifest: Manifest) -> Mapping[str, Any]:
    """Return the pod spec of a workload or pod; empty for other objects."""
    spec: Any = manifest.body.get("spec") or {}
    if manifest.kind == "Pod":
        return spec
    if manifest.kind == "CronJob":
        spec = spec["jobTemplate"]["spec"]
    return spec["template"]["spec"] if manifest.kind in _MAKE_PODS else {}


def _secret_keys(spec: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield names of Secrets with the key used, or "" for all keys."""
    for container in (*spec.get("initContainers", ()), *spec.get("containers", ())):
        for entry in container.get("env", ()):
            if reference := entry.get("valueFrom", {}).get("secretKeyRef"):
                yield reference["name"], reference["key"]
        for source in container.get("envFrom", ()):
            if "secretRef" in source:
                yield source["secretRef"]["name"], ""
    for volume in spec.get("volumes", ()):
        if "secret" in volume:
            yield volume["secret"]["secretName"], ""
    for pull in spec.get("imagePullSecrets", ()):
        yield pull["name"], ""
