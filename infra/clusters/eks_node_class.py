"""What Karpenter makes of a pool: an EC2NodeClass, and a NodePool for each of its capacity entries. Pure data.

https://karpenter.sh/v1.14/concepts/nodepools/ and /nodeclasses/. docs/decisions/karpenter.md says why these values.
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
# Expiry keeps to no budget, so GPU nodes get new images by a new pin alone, one after another.
_EXPIRE_AFTER = {"gpu": "Never", "cpu": "720h"}
# The longest that a drain may take, after which what a disruption budget of the workload still holds is ended.
_DRAIN = {"gpu": "30m", "cpu": "1h"}


def node_class(pool: NodePool, *, names: Names, instance_profile: str) -> dict[str, Any]:
    """The `spec` of the pool's EC2NodeClass."""
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
    """The `spec` of the NodePool for the pool's capacity entry at `index`; earlier entries are tried first."""
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
                "expireAfter": _EXPIRE_AFTER[pool.kind],
                "terminationGracePeriod": _DRAIN[pool.kind],
            },
        },
    }


def _consolidation(pool: NodePool) -> dict[str, str]:
    if pool.kind == "gpu":
        # A node with a pod on it is left alone: the pod may be loading a model, and moving it means loading it again.
        return {"consolidationPolicy": "WhenEmpty", "consolidateAfter": f"{pool.idle_minutes}m"}
    return {"consolidationPolicy": "WhenEmptyOrUnderutilized", "consolidateAfter": _PACKED_AFTER}


def node_pool_name(pool: NodePool, entry: Capacity) -> str:
    """Also the value of the label `karpenter.sh/nodepool` on its nodes."""
    return pool_name(pool.name, entry.kind, limit=KUBERNETES_LABEL_CHARS)


def discovery_tags(names: Names) -> dict[str, str]:
    """What the subnets wear that nodes are put into."""
    return {"karpenter.sh/discovery": names.cluster}


def _limits(pool: NodePool, entry: Capacity, machine: Machine) -> dict[str, str]:
    """`max_nodes` as what so many machines carry: Karpenter counts resources, not nodes.

    CPUs alone where GPUs are shared: a running node then offers more of them than its machine has.
    """
    shared = pool.kind == "gpu" and pool.sharing is not None
    carried = {"cpu": machine.vcpus, "nvidia.com/gpu": 0 if shared else machine.gpus}
    return {resource: str(amount * entry.max_nodes) for resource, amount in carried.items() if amount}


def _in(key: str, value: str) -> dict[str, Any]:
    return {"key": key, "operator": "In", "values": [value]}
