"""How pods get onto a pool's nodes: the label of its nodes, the taints of GPU and batch pools, and tolerations."""

from collections.abc import Sequence

from infra.catalog.machines import Cloud
from infra.config.pools import CpuPool, NodePool
from infra.contracts import Placement, Toleration

POOL_LABEL = "ragspan.dev/pool"
GPU_TAINT = Toleration(key="nvidia.com/gpu", value="present")
"""GKE's own taint, which we declare because GKE adds it only to a GPU pool created after another pool.
https://docs.cloud.google.com/kubernetes-engine/docs/how-to/gpus"""
BATCH_TAINT = Toleration(key=POOL_LABEL, value="batch")
COMPUTE_CLASS = "cloud.google.com/compute-class"
"""The label and taint that bind a GKE pool to the ComputeClass of its name, and that pods select the class by.
https://docs.cloud.google.com/kubernetes-engine/docs/concepts/about-custom-compute-classes#manual-node-pools"""
STAYS = {"cluster-autoscaler.kubernetes.io/safe-to-evict": "false"}
"""Prevents GKE from emptying an underused node by moving this pod, whose model takes minutes to load again. Upgrades
and spot notices still move it. https://docs.cloud.google.com/kubernetes-engine/docs/concepts/cluster-autoscaler
Karpenter needs nothing like it, as it removes only empty GPU nodes (docs/decisions/karpenter.md)."""
CLOUD_EFFECT = "NO_SCHEDULE"
"""The spelling of Kubernetes' effect NoSchedule in the APIs of GKE and EKS."""


def node_labels(pool: NodePool, cloud: Cloud | None = None) -> dict[str, str]:
    """Return the labels of a pool's nodes; for a GPU pool on GKE they include its ComputeClass."""
    classed = {COMPUTE_CLASS: pool.name} if cloud == "gke" and pool.kind == "gpu" else {}
    return {POOL_LABEL: pool.name, **classed}


def taints(pool: NodePool, cloud: Cloud | None = None) -> list[Toleration]:
    """Return the pool's taints, as the tolerations that accept them."""
    if pool.kind == "gpu":
        return [GPU_TAINT, Toleration(key=COMPUTE_CLASS, value=pool.name)] if cloud == "gke" else [GPU_TAINT]
    return [BATCH_TAINT] if pool.purpose == "batch" else []


def system_pool(pools: Sequence[NodePool]) -> CpuPool:
    """Return the only system pool; the stack config has checked that there is exactly one."""
    return next(pool for pool in pools if pool.kind == "cpu" and pool.purpose == "system")


def place_on(pool: NodePool, cloud: Cloud | None = None) -> Placement:
    return Placement(
        node_selector=node_labels(pool, cloud),
        tolerations=tuple(taints(pool, cloud)),
        annotations=STAYS if cloud == "gke" and pool.kind == "gpu" else {},
    )


def place_on_gpu(pools: Sequence[NodePool], name: str, cloud: Cloud | None = None) -> Placement:
    """Return the placement on the GPU pool of this name. Raises LookupError if there is none."""
    for pool in pools:
        if pool.kind == "gpu" and pool.name == name:
            return place_on(pool, cloud)
    raise LookupError(f"The cluster has no GPU pool {name!r}: the stack config should have refused it.")
