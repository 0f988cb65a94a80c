"""Spare room on nodes for further replicas, so that they need not wait for a machine to start.

Placeholder pods that do nothing occupy the room. Any other pod has a higher priority and takes their place at once, and
they wait for another node. They are not a workload: nothing calls them, and nothing is lost with one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as k8s

from infra.config.pools import Headroom as HeadroomConfig
from infra.contracts import Placement
from infra.naming import PROJECT
from infra.services.pods import LOGS_GIB, container_security, pod_security, resources, tolerations_of
from infra.services.workload import Site
from infra.versions import VERSIONS

PRIORITY_CLASS = f"{PROJECT}-headroom"
PRIORITY = -10
"""Below every other pod's 0, and the lowest for which GKE's autoscaler still adds a node.
https://docs.cloud.google.com/kubernetes-engine/docs/how-to/capacity-provisioning"""


@dataclass(frozen=True, kw_only=True)
class Room:
    """How much room is kept free in one pool."""

    pool: str
    size: HeadroomConfig
    placement: Placement


@dataclass(frozen=True, kw_only=True)
class HeadroomArgs:
    """Where room is kept free."""

    site: Site
    rooms: Sequence[Room]


class Headroom(pulumi.ComponentResource):
    """A priority class below all others, and per pool a Deployment of placeholder pods that a drain may evict whole."""

    def __init__(self, name: str, args: HeadroomArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("ragspan:services:Headroom", name, None, opts)
        self._logical = name
        self._site = args.site
        lowest = k8s.scheduling.v1.PriorityClass(
            f"{name}-priority",
            metadata=k8s.meta.v1.ObjectMetaArgs(name=PRIORITY_CLASS, labels=self._labels(PRIORITY_CLASS)),
            value=PRIORITY,
            preemption_policy="Never",
            description="Holds room on nodes for whoever comes.",
            opts=pulumi.ResourceOptions(parent=self, provider=self._site.cluster.provider),
        )
        for room in args.rooms:
            self._create(room, lowest)
        self.register_outputs({})

    def _labels(self, name: str) -> dict[str, str]:
        return self._site.names.labels(name, component="headroom")

    def _metadata(self, name: str, annotations: Mapping[str, str] | None = None) -> k8s.meta.v1.ObjectMetaArgs:
        return k8s.meta.v1.ObjectMetaArgs(
            name=name, namespace=self._site.namespace, labels=self._labels(name), annotations=annotations
        )

    def _create(self, room: Room, lowest: k8s.scheduling.v1.PriorityClass) -> None:
        name = f"headroom-{room.pool}"
        selector = k8s.meta.v1.LabelSelectorArgs(match_labels=self._site.names.selector(name))
        k8s.policy.v1.PodDisruptionBudget(
            f"{self._logical}-{room.pool}-disruptions",
            metadata=self._metadata(name),
            spec=k8s.policy.v1.PodDisruptionBudgetSpecArgs(max_unavailable="100%", selector=selector),
            opts=pulumi.ResourceOptions(parent=self, provider=self._site.cluster.provider),
        )
        k8s.apps.v1.Deployment(
            f"{self._logical}-{room.pool}",
            # Waiting for a node is a normal state of these pods.
            metadata=self._metadata(name, {"pulumi.com/skipAwait": "true"}),
            spec=k8s.apps.v1.DeploymentSpecArgs(
                replicas=room.size.pods,
                selector=selector,
                strategy=k8s.apps.v1.DeploymentStrategyArgs(type="Recreate"),
                template=k8s.core.v1.PodTemplateSpecArgs(
                    metadata=k8s.meta.v1.ObjectMetaArgs(labels=self._labels(name)), spec=_pod(room)
                ),
            ),
            opts=pulumi.ResourceOptions(
                parent=self,
                provider=self._site.cluster.provider,
                depends_on=[*self._site.cluster.ready, lowest],
            ),
        )


def _pod(room: Room) -> k8s.core.v1.PodSpecArgs:
    size = room.size
    container = k8s.core.v1.ContainerArgs(
        name="pause",
        image=VERSIONS.pause_image,
        resources=resources(size.cpu_cores, size.memory_gib, disk_gib=LOGS_GIB, gpus=size.gpus),
        security_context=container_security(),
    )
    return k8s.core.v1.PodSpecArgs(
        priority_class_name=PRIORITY_CLASS,
        termination_grace_period_seconds=0,  # its place is needed now
        automount_service_account_token=False,
        enable_service_links=False,
        security_context=pod_security(),
        containers=[container],
        node_selector=dict(room.placement.node_selector) or None,
        tolerations=tolerations_of(room.placement),
    )
