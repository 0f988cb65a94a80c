"""How pods find a pool: the label that every node wears, the taints of GPU and batch pools, and what accepts them."""

from collections.abc import Sequence

from infra.config.pools import CpuPool, NodePool
from infra.contracts import Placement, Toleration

POOL_LABEL = "ragspan.dev/pool"
GPU_TAINT = Toleration(key="nvidia.com/gpu", value="present")
"""GKE's own, declared by us: GKE adds it only to a GPU pool that comes after another pool.
https://docs.cloud.google.com/kubernetes-engine/docs/how-to/gpus"""
BATCH_TAINT = Toleration(key=POOL_LABEL, value="batch")
CLOUD_EFFECT = "NO_SCHEDULE"
"""How the APIs of GKE and EKS spell the effect that Kubernetes calls NoSchedule."""


def node_labels(pool: NodePool) -> dict[str, str]:
    return {POOL_LABEL: pool.name}


def taints(pool: NodePool) -> list[Toleration]:
    """The pool's taints, as the tolerations that accept them."""
    if pool.kind == "gpu":
        return [GPU_TAINT]
    return [BATCH_TAINT] if pool.purpose == "batch" else []


def system_pool(pools: Sequence[NodePool]) -> CpuPool:
    """The one pool of this purpose; the stack config has checked that there is one."""
    return next(pool for pool in pools if pool.kind == "cpu" and pool.purpose == "system")


def place_on(pool: NodePool) -> Placement:
    return Placement(node_selector=node_labels(pool), tolerations=tuple(taints(pool)))


def place_on_gpu(pools: Sequence[NodePool], name: str) -> Placement:
    """Placement on the GPU pool of this name. Raises LookupError where there is none."""
    for pool in pools:
        if pool.kind == "gpu" and pool.name == name:
            return place_on(pool)
    raise LookupError(f"The cluster has no GPU pool {name!r}: the stack config should have refused it.")
