"""A ComputeClass for each GPU pool: GKE adds capacity in the order in which the stack file lists it."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as k8s

from infra.config.pools import GpuPool, NodePool
from infra.naming import GKE_NAME_CHARS, pool_name


@dataclass(frozen=True, kw_only=True)
class GkeComputeClassesArgs:
    """The cluster's pools; `after` are the cloud's node pools that the classes refer to."""

    pools: Sequence[NodePool]
    provider: k8s.Provider
    after: Sequence[pulumi.Resource]


class GkeComputeClasses(pulumi.ComponentResource):
    """One ComputeClass per GPU pool, with the pool's name. It creates no pools by itself and moves no running pods."""

    classes: list[k8s.apiextensions.CustomResource]

    def __init__(self, name: str, args: GkeComputeClassesArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("ragspan:clusters:GkeComputeClasses", name, None, opts)
        options = pulumi.ResourceOptions(parent=self, provider=args.provider, depends_on=args.after)
        self.classes = [
            k8s.apiextensions.CustomResource(
                f"{name}-{pool.name}",
                api_version="cloud.google.com/v1",
                kind="ComputeClass",
                metadata={"name": pool.name},
                spec=compute_class_spec(pool),
                opts=options,
            )
            for pool in args.pools
            if pool.kind == "gpu"
        ]
        self.register_outputs({})


def compute_class_spec(pool: GpuPool) -> dict[str, object]:
    """Return the class's spec: https://docs.cloud.google.com/kubernetes-engine/docs/reference/crds/computeclass."""
    return {
        "priorities": [
            {"nodepools": [pool_name(pool.name, entry.kind, limit=GKE_NAME_CHARS)]} for entry in pool.capacity
        ],
        "nodePoolAutoCreation": {"enabled": False},
        "activeMigration": {"optimizeRulePriority": False},
        "autoscalingPolicy": {"consolidationDelayMinutes": pool.idle_minutes},
        "whenUnsatisfiable": "DoNotScaleUp",
    }
