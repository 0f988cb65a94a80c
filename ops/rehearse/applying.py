"""Applies a stack's objects, and stand-ins for those that others would create: Secrets and storage classes."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ops.plan.graph import Manifest, RecordedStack
from ops.rehearse.api import Api, Object, Refused, UnknownKind
from ops.rehearse.charts import reservations
from ops.rehearse.custom_resources import judge
from ops.rehearse.fleet import REHEARSAL_LABEL
from ops.rehearse.objects import STAND_IN, Substitution, applicable, in_order, label, secrets_named
from ops.rehearse.report import CustomKind, ObjectResult
from ops.rehearse.scheduling import Workload
from ops.rehearse.volumes import STAND_IN_PROVISIONER, stand_in_class


@dataclass(frozen=True, kw_only=True)
class Applied:
    """The outcome of applying a stack's objects."""

    results: tuple[ObjectResult, ...]
    custom_kinds: tuple[CustomKind, ...]
    substitutions: tuple[Substitution, ...]
    stand_ins: tuple[str, ...]
    workloads: tuple[Workload, ...]
    reservations: tuple[Workload, ...]
    """Deployments that take the room of the charts' pods."""
    namespaces: tuple[str, ...]
    provisioners: frozenset[str]


def apply_stack(api: Api, stack: RecordedStack) -> Applied:
    """Apply every object in the graph's order, even if earlier ones fail, then the stand-ins."""
    manifests = in_order(stack)
    results: list[ObjectResult] = []
    substitutions: list[Substitution] = []
    accepted: list[Object] = []
    unserved: dict[str, Object] = {}
    for manifest in manifests:
        body, found = applicable(manifest)
        substitutions += found
        result = _apply(api, label(manifest), body)
        if result.outcome == "accepted":
            accepted.append(body)
        if result.outcome == "unchecked":
            unserved[result.object] = body
        else:
            results.append(result)
    custom, kinds = judge(unserved, substitutions) if unserved else ([], ())
    stand_ins = [_apply(api, name, body) for name, body in _stand_ins(api, manifests)]
    charts = reservations(stack)
    for body in charts:
        api.apply(body)
    classes = [body for body in accepted if body["kind"] == "StorageClass"]
    lowest = {body["metadata"]["name"] for body in accepted if body["kind"] == "PriorityClass" and body["value"] < 0}
    return Applied(
        results=(*results, *custom, *(result for result in stand_ins if result.outcome == "refused")),
        custom_kinds=kinds,
        substitutions=tuple(substitutions),
        stand_ins=tuple(result.object for result in stand_ins),
        workloads=tuple(_workload(body, lowest) for body in accepted if body["kind"] in {"Deployment", "StatefulSet"}),
        reservations=tuple(_workload(body, lowest) for body in charts if body["kind"] == "Deployment"),
        namespaces=_namespaces(api, [*accepted, *charts]),
        provisioners=frozenset({STAND_IN_PROVISIONER, *(body["provisioner"] for body in classes)}),
    )


def _apply(api: Api, name: str, body: dict[str, Any]) -> ObjectResult:
    try:
        if not api.is_namespaced(body["apiVersion"], body["kind"]):  # cluster-scoped: labelled as ours
            labels = {**body["metadata"].get("labels", {}), REHEARSAL_LABEL: "object"}
            body = {**body, "metadata": {**body["metadata"], "labels": labels}}
        api.apply(body)
    except UnknownKind as unknown:
        custom = "." in body["apiVersion"].partition("/")[0] and not api.serves_group(body["apiVersion"])
        return ObjectResult(object=name, outcome="unchecked" if custom else "refused", reason=str(unknown))
    except Refused as refused:
        return ObjectResult(object=name, outcome="refused", reason=str(refused))
    return ObjectResult(object=name, outcome="accepted")


def _stand_ins(api: Api, manifests: Sequence[Manifest]) -> Iterator[tuple[str, dict[str, Any]]]:
    for (namespace, name), keys in sorted(secrets_named(manifests).items()):
        secret = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": name, "namespace": namespace},
            "stringData": dict.fromkeys(sorted(keys), STAND_IN),
        }
        yield f"Secret {namespace}/{name}", secret
    existing = {body["metadata"]["name"] for body in api.list("/apis/storage.k8s.io/v1/storageclasses")}
    for name in sorted(_classes_claimed(manifests) - existing):
        yield f"StorageClass {name}", stand_in_class(name)


def _classes_claimed(manifests: Sequence[Manifest]) -> set[str]:
    """Return the storage classes that claims refer to, including those of StatefulSets."""
    specs = [m.body["spec"] for m in manifests if m.kind in {"PersistentVolumeClaim", "StatefulSet"}]
    claims = [claim["spec"] for spec in specs for claim in spec.get("volumeClaimTemplates", ())]
    return {spec["storageClassName"] for spec in (*specs, *claims) if "storageClassName" in spec}


def _workload(body: Object, lowest: Collection[str]) -> Workload:
    metadata, spec = body["metadata"], body["spec"]
    return Workload(
        kind=body["kind"],
        namespace=metadata.get("namespace", "default"),
        name=metadata["name"],
        replicas=spec.get("replicas", 1),
        selector=spec["selector"]["matchLabels"],
        holds_room=spec["template"]["spec"].get("priorityClassName") in lowest,
    )


def _namespaces(api: Api, accepted: Sequence[Object]) -> tuple[str, ...]:
    within = [body for body in accepted if api.is_namespaced(body["apiVersion"], body["kind"])]
    return tuple(sorted({body["metadata"].get("namespace", "default") for body in within}))
