"""The node pools that a stack's cluster would have, one for each capacity entry."""

from collections.abc import Mapping
from dataclasses import dataclass

from infra.catalog.machines import Machine
from infra.catalog.sharing import mig_profiles
from infra.clusters import scheduling
from infra.clusters.eks_bottlerocket import MAX_PODS
from infra.config.cluster import Cluster, EksCluster, ExistingCluster
from infra.config.gke import GkeCluster
from infra.config.pool_rules import gpu_zones
from infra.config.pools import Capacity, Mig, NodePool, known_machine
from infra.contracts import Toleration
from infra.naming import EKS_NODE_GROUP_PREFIX_CHARS, pool_name
from ops.rehearse.allocatable import Allocatable, allocatable

ONE_NODE = Allocatable(millicores=4000, memory_mib=8 * 1024, disk_gib=50, pods=110)
"""Stands in for an existing cluster, of whose nodes nothing is known: a single node of this size, without a zone."""

ZONE = "topology.kubernetes.io/zone"
_KARPENTER_CAPACITY = {"reservation": "reserved", "on_demand": "on-demand", "spot": "spot"}


@dataclass(frozen=True, kw_only=True)
class Pool:
    """A pool of identical nodes with these `labels` and `taints`, in these `zones`.

    A zone of "" is none. `room` is what one node leaves for pods.
    """

    name: str
    capacity: str
    machine_type: str
    labels: Mapping[str, str]
    taints: tuple[Toleration, ...]
    zones: tuple[str, ...]
    min_nodes: int
    max_nodes: int
    room: Allocatable


def pools_of(cluster: Cluster) -> tuple[Pool, ...]:
    """Return the pools in the order of growth: as the stack file lists pools, and the capacity in each."""
    if isinstance(cluster, ExistingCluster):
        return (_one_node(),)
    return tuple(_pool(cluster, pool, entry) for pool in cluster.pools for entry in pool.capacity)


def _one_node() -> Pool:
    return Pool(
        name="existing",
        capacity="",
        machine_type="",
        labels={},
        taints=(),
        zones=("",),
        min_nodes=1,
        max_nodes=1,
        room=ONE_NODE,
    )


def _pool(cluster: GkeCluster | EksCluster, pool: NodePool, entry: Capacity) -> Pool:
    machine = known_machine(cluster.kind, pool)
    name = pool_name(pool.name, entry.kind, limit=EKS_NODE_GROUP_PREFIX_CHARS)
    return Pool(
        name=name,
        capacity=entry.kind,
        machine_type=pool.machine_type,
        labels={**_cloud_labels(cluster, pool, entry), **scheduling.node_labels(pool, cluster.kind)},
        taints=tuple(scheduling.taints(pool, cluster.kind)),
        zones=_zones(cluster, pool, entry),
        min_nodes=0 if _is_karpenters(cluster, pool) else entry.min_nodes,
        max_nodes=entry.max_nodes,
        room=allocatable(
            cluster.kind,
            machine,
            disk_gb=pool.disk_size_gb,
            local_ssds=pool.local_ssds if pool.kind == "gpu" else 0,
            gpus=_offered_gpus(pool, machine),
            pods=cluster.max_pods_per_node if isinstance(cluster, GkeCluster) else MAX_PODS,
        ),
    )


def _zones(cluster: GkeCluster | EksCluster, pool: NodePool, entry: Capacity) -> tuple[str, ...]:
    if entry.kind == "reservation":
        return (entry.zone,)
    return gpu_zones(cluster.kind, pool, cluster.zones) if pool.kind == "gpu" else cluster.zones


def _offered_gpus(pool: NodePool, machine: Machine) -> int:
    """Return how many `nvidia.com/gpu` a node advertises: its GPUs, or all shares of them."""
    if pool.kind == "cpu" or pool.sharing is None:
        return machine.gpus
    if isinstance(pool.sharing, Mig):
        return machine.gpus * mig_profiles(pool.accelerator)[pool.sharing.profile].partitions
    return machine.gpus * pool.sharing.clients


def _is_karpenters(cluster: GkeCluster | EksCluster, pool: NodePool) -> bool:
    """Whether Karpenter manages the nodes; it keeps no minimum."""
    return isinstance(cluster, EksCluster) and pool is not scheduling.system_pool(cluster.pools)


def _cloud_labels(cluster: GkeCluster | EksCluster, pool: NodePool, entry: Capacity) -> dict[str, str]:
    """Return the labels that the cloud or Karpenter adds to its nodes."""
    name = pool_name(pool.name, entry.kind, limit=EKS_NODE_GROUP_PREFIX_CHARS)
    labels = {"node.kubernetes.io/instance-type": pool.machine_type, "topology.kubernetes.io/region": cluster.region}
    if _is_karpenters(cluster, pool):
        karpenter = {"nodepool": name, "capacity-type": _KARPENTER_CAPACITY[entry.kind]}
        return {**labels, **{f"karpenter.sh/{key}": value for key, value in karpenter.items()}}
    if isinstance(cluster, EksCluster):
        return {**labels, "eks.amazonaws.com/nodegroup": name, "eks.amazonaws.com/capacityType": "ON_DEMAND"}
    spot = {"cloud.google.com/gke-spot": "true"} if entry.kind == "spot" else {}
    gpu = {"cloud.google.com/gke-accelerator": pool.accelerator} if pool.kind == "gpu" else {}
    return {**labels, "cloud.google.com/gke-nodepool": name, **spot, **gpu}
