"""A pool as Karpenter objects: an EC2NodeClass, and a NodePool for each capacity entry. Pure data.

https://karpenter.sh/v1.14/concepts/nodepools/ and /nodeclasses/. docs/decisions/karpenter.md explains the values.
"""

from collections.abc import Mapping
from typing import Any

from infra.catalog.machines import Machine
from infra.clusters import scheduling
from infra.clusters.eks_bottlerocket import MAX_PODS, user_data
from infra.config.pools import Capacity, NodePool
from infra.naming import KUBERNETES_LABEL_CHARS, Names, pool_name
from infra.versions import VERSIONS

API = "karpenter.sh/v1"
AWS_GROUP = "karpenter.k8s.aws"
_CAPACITY_TYPES = {"reservation": "reserved", "on_demand": "on-demand", "spot": "spot"}
_FIRST_WEIGHT, _WEIGHT_STEP = 100, 10
_PACKED_AFTER = "5m"
_KEPT_MINUTES = 30
"""How long an empty node of the system pool stays; GPU pools configure their own time."""
# The longest that a drain may take; after that, even pods protected by a disruption budget are ended.
_DRAIN = {"gpu": "30m", "cpu": "1h"}


def node_class(pool: NodePool, *, names: Names, instance_profile: str) -> dict[str, Any]:
    """Return the `spec` of the pool's EC2NodeClass."""
    disk: Mapping[str, Any] = {"volumeType": "gp3", "encrypted": True, "deleteOnTermination": True}
    reserved = [{"id": entry.name} for entry in pool.capacity if entry.kind == "reservation"]
    settings = user_data(pool)
    return {
        "amiSelectorTerms": [{"alias": VERSIONS.bottlerocket_alias}],
        "instanceProfile": instance_profile,
        "subnetSelectorTerms": [{"tags": discovery_tags(names)}],
        "securityGroupSelectorTerms": [{"tags": {"aws:eks:cluster-name": names.cluster}}],
        "blockDeviceMappings": [
            {"deviceName": "/dev/xvda", "ebs": {**disk, "volumeSize": "4Gi"}},
            {"deviceName": "/dev/xvdb", "ebs": {**disk, "volumeSize": f"{pool.disk_size_gb}Gi"}},
        ],
        # One hop: the node itself reaches its credentials, pods on their own network do not.
        "metadataOptions": {"httpEndpoint": "enabled", "httpTokens": "required", "httpPutResponseHopLimit": 1},
        "kubelet": {"maxPods": MAX_PODS},
        "tags": names.cloud_labels,
        **({"userData": settings} if settings else {}),
        **({"capacityReservationSelectorTerms": reserved} if reserved else {}),
    }


def node_pool(pool: NodePool, index: int, machine: Machine) -> dict[str, Any]:
    """Return the `spec` of the NodePool for the capacity entry at `index`; earlier entries are tried first."""
    entry = pool.capacity[index]
    return {
        "weight": _FIRST_WEIGHT - _WEIGHT_STEP * index,
        "limits": _limits(pool, entry, machine),
        "disruption": {**_consolidation(pool), "budgets": [{"nodes": "1"}]},
        "template": {
            "metadata": {"labels": scheduling.node_labels(pool)},
            "spec": {
                "nodeClassRef": {"group": AWS_GROUP, "kind": "EC2NodeClass", "name": pool.name},
                "requirements": [
                    _in("node.kubernetes.io/instance-type", pool.machine_type),
                    _in("karpenter.sh/capacity-type", _CAPACITY_TYPES[entry.kind]),
                    *([_in("topology.kubernetes.io/zone", entry.zone)] if entry.kind == "reservation" else []),
                ],
                "taints": [
                    {"key": taint.key, "value": taint.value, "effect": taint.effect}
                    for taint in scheduling.taints(pool)
                ],
                # Expiry ignores disruption budgets, so other nodes get new images only by a new pin, one at a time.
                "expireAfter": "720h" if _is_batch(pool) else "Never",
                "terminationGracePeriod": _DRAIN[pool.kind],
            },
        },
    }


def _is_batch(pool: NodePool) -> bool:
    return pool.kind == "cpu" and pool.purpose == "batch"


def _consolidation(pool: NodePool) -> dict[str, str]:
    if _is_batch(pool):
        return {"consolidationPolicy": "WhenEmptyOrUnderutilized", "consolidateAfter": _PACKED_AFTER}
    # A node with a pod is left alone: it may be loading a model or hold an index.
    idle_minutes = pool.idle_minutes if pool.kind == "gpu" else _KEPT_MINUTES
    return {"consolidationPolicy": "WhenEmpty", "consolidateAfter": f"{idle_minutes}m"}


def node_pool_name(pool: NodePool, entry: Capacity) -> str:
    """Return the NodePool's name, which is also the value of its nodes' label `karpenter.sh/nodepool`."""
    return pool_name(pool.name, entry.kind, limit=KUBERNETES_LABEL_CHARS)


def discovery_tags(names: Names) -> dict[str, str]:
    """Return the tags of the subnets in which nodes start."""
    return {"karpenter.sh/discovery": names.cluster}


def _limits(pool: NodePool, entry: Capacity, machine: Machine) -> dict[str, str]:
    """Return Karpenter's limits: the resources of the machines that it may start, since it counts no nodes.

    `min_nodes`, which only the system pool has, belong to its managed group. If GPUs are shared, only CPUs are limited,
    because a running node then advertises more GPUs than its machine has.
    """
    shared = pool.kind == "gpu" and pool.sharing is not None
    carried = {"cpu": machine.vcpus, "nvidia.com/gpu": 0 if shared else machine.gpus}
    return {
        resource: str(amount * (entry.max_nodes - entry.min_nodes)) for resource, amount in carried.items() if amount
    }


def _in(key: str, value: str) -> dict[str, Any]:
    return {"key": key, "operator": "In", "values": [value]}
