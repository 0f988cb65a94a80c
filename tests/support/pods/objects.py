"""What the runner reads of rendered objects: pods of a Deployment or StatefulSet, their probes, and Services.

A field of a pod that it neither carries out nor names in NOT_CARRIED_OUT is refused, so that nothing rendered is passed
over in silence.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

Body = Mapping[str, Any]

NOT_CARRIED_OUT = {
    "affinity": "placement, which `ragspan rehearse` shows",
    "nodeSelector": "placement",
    "tolerations": "placement",
    "topologySpreadConstraints": "placement",
    "serviceAccountName": "there is no Kubernetes API to call",
    "automountServiceAccountToken": "likewise",
    "enableServiceLinks": "no pod is told of Services by variables",
    "terminationGracePeriodSeconds": "pods end by SIGKILL",
    "lifecycle": "likewise",
    "resources": "no control groups; GOMEMLIMIT is passed all the same",
}
_POD = {"containers", "volumes", "securityContext"}
_CONTAINER = {
    *("name", "image", "command", "args", "env", "ports", "volumeMounts", "securityContext"),
    *("startupProbe", "readinessProbe", "livenessProbe"),
}


class NotUnderstood(Exception):
    """A rendered object asks for something that the runner cannot do."""


@dataclass(frozen=True, kw_only=True)
class Probe:
    """A probe with Kubernetes' own defaults, times in seconds: a GET of `path`, or a connection where that is None."""

    path: str | None
    port: int
    period: float
    timeout: float
    failures: int

    @classmethod
    def of(cls, body: Body, ports: Mapping[str, int]) -> Self:
        (kind,) = body.keys() & {"httpGet", "tcpSocket"}
        _refuse_others("probe", body, {kind, "periodSeconds", "timeoutSeconds", "failureThreshold"})
        _refuse_others(kind, body[kind], {"path", "port"})
        return cls(
            path=body[kind].get("path"),
            port=ports[body[kind]["port"]],
            period=body.get("periodSeconds", 10),
            timeout=body.get("timeoutSeconds", 1),
            failures=body.get("failureThreshold", 3),
        )


@dataclass(frozen=True, kw_only=True)
class Pod:
    """One replica. `name` is as in a StatefulSet; a Deployment's pods would have a random end instead."""

    name: str
    labels: Mapping[str, str]
    container: Body
    security: Body
    ports: Mapping[str, int]

    def probe(self, kind: str) -> Probe:
        """The `startup`, `readiness` or `liveness` probe, each of which every pod of ours has."""
        return Probe.of(self.container[f"{kind}Probe"], self.ports)

    @property
    def mounts(self) -> list[str]:
        """Paths inside the pod that can be written to."""
        return [mount["mountPath"] for mount in self.container.get("volumeMounts", [])]


@dataclass(frozen=True, kw_only=True)
class Service:
    """A name for ready pods, or for all of them where it is headless and publishes those too."""

    name: str
    namespace: str
    headless: bool
    publishes_unready: bool
    selector: Mapping[str, str]
    ports: Mapping[int, str]

    @classmethod
    def of(cls, body: Body) -> Self:
        spec = body["spec"]
        return cls(
            name=body["metadata"]["name"],
            namespace=body["metadata"]["namespace"],
            headless=spec.get("clusterIP") == "None",
            publishes_unready=spec.get("publishNotReadyAddresses", False),
            selector=spec["selector"],
            ports={port["port"]: port.get("targetPort", port["port"]) for port in spec["ports"]},
        )

    def selects(self, pod: Pod) -> bool:
        return self.selector.items() <= pod.labels.items()

    @property
    def names(self) -> tuple[str, ...]:
        """Its DNS names; the first two are short for pods of its own namespace and of any."""
        within = f"{self.name}.{self.namespace}"
        return (self.name, within, f"{within}.svc", f"{within}.svc.cluster.local")


def pods_of(body: Body) -> list[Pod]:
    """Return the replicas of a Deployment or StatefulSet. Raises NotUnderstood for a field that is passed over."""
    template: Body = body["spec"]["template"]
    spec: Body = template["spec"]
    _refuse_others("pod", spec, {*_POD, *NOT_CARRIED_OUT})
    (container,) = spec["containers"]
    _refuse_others("container", container, {*_CONTAINER, *NOT_CARRIED_OUT})
    return [
        Pod(
            name=f"{body['metadata']['name']}-{ordinal}",
            labels=template["metadata"]["labels"],
            container=container,
            security={**spec.get("securityContext", {}), **container.get("securityContext", {})},
            ports={port["name"]: port["containerPort"] for port in container.get("ports", [])},
        )
        for ordinal in range(body["spec"]["replicas"])
    ]


def _refuse_others(what: str, body: Body, known: set[str]) -> None:
    if others := sorted(body.keys() - known):
        raise NotUnderstood(
            f"The {what} has {', '.join(others)}: teach it to tests/support/pods, or name it in NOT_CARRIED_OUT."
        )
