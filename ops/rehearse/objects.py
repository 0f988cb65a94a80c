"""A stack's Kubernetes objects as they are applied: in the graph's order, with stand-ins for what is unknown."""

import base64
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from graphlib import TopologicalSorter
from typing import Any, cast

from ops.plan.graph import COMPUTED, SECRET, Manifest, RecordedStack

_MAKE_PODS = ("CronJob", "DaemonSet", "Deployment", "Job", "StatefulSet")
STAND_IN = "rehearsal"
"""What an unknown or secret text becomes."""


@dataclass(frozen=True, kw_only=True)
class Substitution:
    """A value that only a deployment knows, and stood in for: which object, which field, and why."""

    object: str
    field: str
    found: str


def label(manifest: Manifest) -> str:
    """`Deployment ragspan/llm`."""
    return f"{manifest.kind} {manifest.namespace}/{manifest.name}".replace(" /", " ")


def in_order(stack: RecordedStack) -> list[Manifest]:
    """The stack's objects, each after everything that the graph says it depends on."""
    known = {resource.urn for resource in stack.resources}
    sorter: TopologicalSorter[str] = TopologicalSorter()
    for resource in stack.resources:
        before = {*resource.dependencies, resource.provider or resource.urn} & known
        sorter.add(resource.urn, *sorted(before - {resource.urn}))
    manifests = {manifest.urn: manifest for manifest in stack.manifests()}
    return [manifests[urn] for urn in sorter.static_order() if urn in manifests]


def applicable(manifest: Manifest) -> tuple[dict[str, Any], list[Substitution]]:
    """The object to apply, and what stands in it for values that are unknown or secret."""
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
    if of.startswith("Secret ") and path in {("data",), ("stringData",)}:  # secret as a whole, its keys with it
        return {}
    if of.startswith("Secret ") and path[0] == "data":
        return base64.b64encode(STAND_IN.encode()).decode()
    return value.replace(SECRET, STAND_IN).replace(COMPUTED, STAND_IN)


def secrets_named(manifests: Sequence[Manifest]) -> dict[tuple[str, str], set[str]]:
    """The keys that pods take from Secrets which the stack does not make itself, by namespace and Secret."""
    own = {(manifest.namespace, manifest.name) for manifest in manifests if manifest.kind == "Secret"}
    wanted: dict[tuple[str, str], set[str]] = {}
    for manifest in manifests:
        for name, key in _secret_keys(pod_spec(manifest)):
            if (manifest.namespace, name) not in own:
                wanted.setdefault((manifest.namespace, name), set()).update({key} - {""})
    return wanted


def pod_spec(manifest: Manifest) -> Mapping[str, Any]:
    """The pod that a workload makes, or is; empty for what makes none."""
    spec: Any = manifest.body.get("spec") or {}
    if manifest.kind == "Pod":
        return spec
    if manifest.kind == "CronJob":
        spec = spec["jobTemplate"]["spec"]
    return spec["template"]["spec"] if manifest.kind in _MAKE_PODS else {}


def _secret_keys(spec: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Names of Secrets with the key that is taken, or "" where all are."""
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
