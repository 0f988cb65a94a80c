"""The node pools of a GKE cluster: one for each capacity entry of each configured pool.

The autoscaler owns the node counts and the release channel owns the node versions, so changes to both are ignored.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_gcp as gcp

from infra.clusters import scheduling
from infra.config.gke import GkeCluster as GkeClusterConfig
from infra.config.minor import is_at_least
from infra.config.pool_rules import gpu_zones
from infra.config.pools import Capacity, GpuPool, Mig, NodePool, known_machine
from infra.naming import GKE_NAME_CHARS, Names, pool_name

_NOT_OURS = ["version", "initialNodeCount", "nodeCount"]
_UPGRADES: dict[str, gcp.container.NodePoolUpgradeSettingsArgsDict] = {
    # A surge node needs GPU quota for another node, which few projects have.
    "one_by_one": {"strategy": "SURGE", "max_surge": 0, "max_unavailable": 1},
    "surge": {"strategy": "SURGE", "max_surge": 1, "max_unavailable": 0},
    "blue_green": {
        "strategy": "BLUE_GREEN",
        "blue_green_settings": {
            "standard_rollout_policy": {"batch_node_count": 1, "batch_soak_duration": "600s"},
            "node_pool_soak_duration": "3600s",
        },
    },
}
_NOTICE_MINOR = "1.35"
_NOTICE: gcp.container.NodePoolNodeConfigKubeletConfigArgsDict = {
    "shutdown_grace_period_seconds": 120,
    "shutdown_grace_period_critical_pods_seconds": 15,
}
"""Time for a spot node's pods to stop when Google reclaims it, and the part of it for the node's own agents: the
maximum, instead of 30 seconds before 1.35.
https://docs.cloud.google.com/kubernetes-engine/docs/concepts/spot-vms#termination"""
_STRATEGIES = {"time_slicing": "TIME_SHARING", "mps": "MPS"}


@dataclass(frozen=True, kw_only=True)
class GkeNodePoolsArgs:
    """The pools come from the cluster's config; `after` must exist before a node can start."""

    config: GkeClusterConfig
    names: Names
    provider: gcp.Provider
    cluster_name: pulumi.Input[str]
    service_account: pulumi.Input[str]
    after: Sequence[pulumi.Resource]


class GkeNodePools(pulumi.ComponentResource):
    """All node pools; the system pool first, so that no GPU is paid for before anything can run."""

    pools: list[gcp.container.NodePool]

    def __init__(self, name: str, args: GkeNodePoolsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("ragspan:clusters:GkeNodePools", name, None, opts)
        self._logical = name
        self._args = args
        system = scheduling.system_pool(args.config.pools)
        first = [self._create(system, entry, args.after) for entry in system.capacity]
        others = [pool for pool in args.config.pools if pool is not system]
        rest = [self._create(pool, entry, [*args.after, *first]) for pool in others for entry in pool.capacity]
        self.pools = [*first, *rest]
        self.register_outputs({"pools": [pool.name for pool in self.pools]})

    def _create(self, pool: NodePool, entry: Capacity, after: Sequence[pulumi.Resource]) -> gcp.container.NodePool:
        config = self._args.config
        name = pool_name(pool.name, entry.kind, limit=GKE_NAME_CHARS)
        zones = _zones(pool, entry, config.zones)
        return gcp.container.NodePool(
            f"{self._logical}-{name}",
            name=name,
            cluster=self._args.cluster_name,
            location=config.region,
            node_locations=zones,
            initial_node_count=initial_nodes_per_zone(entry.min_nodes, entry.max_nodes, zones=len(zones)),
            autoscaling={
                "total_min_node_count": entry.min_nodes,
                "total_max_node_count": entry.max_nodes,
                # ANY uses whichever zone has spot or reserved capacity.
                "location_policy": "BALANCED" if entry.kind == "on_demand" else "ANY",
            },
            management={"auto_repair": True, "auto_upgrade": True},
            max_pods_per_node=config.max_pods_per_node,
            upgrade_settings=_UPGRADES[pool.upgrade if pool.kind == "gpu" else "surge"],
            network_config={"enable_private_nodes": True},
            node_config=self._node_config(pool, entry),
            opts=pulumi.ResourceOptions(
                parent=self,
                provider=self._args.provider,
                depends_on=after,
                ignore_changes=_NOT_OURS,
                delete_before_replace=True,  # because its name is fixed
            ),
        )

    def _node_config(self, pool: NodePool, entry: Capacity) -> gcp.container.NodePoolNodeConfigArgsDict:
        node: gcp.container.NodePoolNodeConfigArgsDict = {
            "machine_type": pool.machine_type,
            "disk_size_gb": pool.disk_size_gb,
            "spot": entry.kind == "spot",
            "labels": scheduling.node_labels(pool, "gke"),
            "taints": [
                {"key": taint.key, "value": taint.value, "effect": scheduling.CLOUD_EFFECT}
                for taint in scheduling.taints(pool, "gke")
            ],
            "service_account": self._args.service_account,
            "oauth_scopes": ["https://www.googleapis.com/auth/cloud-platform"],  # the account's roles decide
            "workload_metadata_config": {"mode": "GKE_METADATA"},
            "shielded_instance_config": {"enable_secure_boot": True, "enable_integrity_monitoring": True},
            "kubelet_config": self._kubelet(entry),
            "gcfs_config": {"enabled": True},  # image streaming: pods start before their image is complete
            "gvnic": {"enabled": True},
            "resource_labels": self._args.names.cloud_labels,
        }
        if pool.kind == "gpu":
            node |= _gpu_config(pool)
        if entry.kind == "reservation":
            node["reservation_affinity"] = {
                "consume_reservation_type": "SPECIFIC_RESERVATION",
                "key": "compute.googleapis.com/reservation-name",
                "values": [entry.name],
            }
        return node

    def _kubelet(self, entry: Capacity) -> gcp.container.NodePoolNodeConfigKubeletConfigArgsDict:
        kubelet: gcp.container.NodePoolNodeConfigKubeletConfigArgsDict = {
            "insecure_kubelet_readonly_port_enabled": "FALSE"
        }
        told_early = entry.kind == "spot" and is_at_least(self._args.config.kubernetes_minor, _NOTICE_MINOR)
        return kubelet | _NOTICE if told_early else kubelet


def _zones(pool: NodePool, entry: Capacity, zones: tuple[str, ...]) -> tuple[str, ...]:
    if entry.kind == "reservation":
        return (entry.zone,)
    return gpu_zones("gke", pool, zones) if pool.kind == "gpu" else zones


def _gpu_config(pool: GpuPool) -> gcp.container.NodePoolNodeConfigArgsDict:
    node: gcp.container.NodePoolNodeConfigArgsDict = {"guest_accelerators": [_accelerator(pool)]}
    if pool.local_ssds:
        node["ephemeral_storage_local_ssd_config"] = {"local_ssd_count": pool.local_ssds}
    if pool.image_cache:
        node["secondary_boot_disks"] = [{"disk_image": pool.image_cache, "mode": "CONTAINER_IMAGE_CACHE"}]
    return node


def _accelerator(pool: GpuPool) -> gcp.container.NodePoolNodeConfigGuestAcceleratorArgsDict:
    accelerator: gcp.container.NodePoolNodeConfigGuestAcceleratorArgsDict = {
        "type": pool.accelerator,
        "count": known_machine("gke", pool).gpus,
        "gpu_driver_installation_config": {"gpu_driver_version": pool.driver.upper()},
    }
    if isinstance(pool.sharing, Mig):
        accelerator["gpu_partition_size"] = pool.sharing.profile
    elif pool.sharing:
        accelerator["gpu_sharing_config"] = {
            "gpu_sharing_strategy": _STRATEGIES[pool.sharing.kind],
            "max_shared_clients_per_gpu": pool.sharing.clients,
        }
    return accelerator


def initial_nodes_per_zone(min_nodes: int, max_nodes: int, *, zones: int) -> int:
    """Return the initial nodes per zone: the fewest that reach `min_nodes` without exceeding `max_nodes` in total."""
    rounded_up = -(-min_nodes // zones)
    return rounded_up if rounded_up * zones <= max_nodes else min_nodes // zones
