"""Fake nodes: pools start at their minimum and grow by one node while the scheduler cannot place a pod."""

import itertools
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ops.rehearse.api import Api, Object
from ops.rehearse.pools import ZONE, Pool

REHEARSAL_LABEL = "ragspan.dev/rehearsal"
"""The label of every node and namespace that a rehearsal creates; nothing without it is ever touched."""
FAKE_NODE = {"kwok.x-k8s.io/node": "fake"}
POOL_ANNOTATION = "ragspan.dev/rehearsed-pool"
NODES = "/api/v1/nodes"


@dataclass(frozen=True, kw_only=True)
class Node:
    """One fake node."""

    name: str
    pool: str
    zone: str


class Fleet:
    """The nodes of one rehearsal. `closed_zones` and `closed_pools` get no new nodes until they are opened again."""

    def __init__(self, api: Api, pools: Sequence[Pool]) -> None:
        self.pools = {pool.name: pool for pool in pools}
        self.nodes: dict[str, Node] = {}
        self.closed_zones: set[str] = set()
        self.closed_pools: set[str] = set()
        self._api = api
        self._numbers = itertools.count(1)

    def start(self) -> None:
        """Bring every pool to its minimum, spread over its zones."""
        for pool in self.pools.values():
            while self.count(pool) < pool.min_nodes:
                self.add(pool, self.zones_of(pool)[0])

    def count(self, pool: Pool) -> int:
        return sum(node.pool == pool.name for node in self.nodes.values())

    def zones_of(self, pool: Pool) -> list[str]:
        """Return the pool's open zones, the emptiest first."""
        nodes = Counter(node.zone for node in self.nodes.values() if node.pool == pool.name)
        return sorted((zone for zone in pool.zones if zone not in self.closed_zones), key=lambda zone: nodes[zone])

    def add(self, pool: Pool, zone: str) -> Node:
        """Create one node of the pool."""
        node = Node(name=f"{pool.name}-{next(self._numbers)}", pool=pool.name, zone=zone)
        self.bring_back(node)
        return node

    def bring_back(self, node: Node) -> None:
        """Create the node, empty, under its name."""
        self._api.create(NODES, _body(node, self.pools[node.pool]))
        self.nodes[node.name] = node

    def remove(self, node: Node) -> None:
        """Delete the node as if its machine vanished, without asking its pods."""
        self._api.delete(f"{NODES}/{node.name}")
        del self.nodes[node.name]

    def cordon(self, node: Node) -> None:
        self._api.patch(f"{NODES}/{node.name}", {"spec": {"unschedulable": True}})

    def uncordon(self, node: Node) -> None:
        self._api.patch(f"{NODES}/{node.name}", {"spec": {"unschedulable": None}})

    def room_for(self, pod: Object) -> Iterator[tuple[Pool, str]]:
        """Yield pools and zones whose next node might fit the pod, preferred ones first; the scheduler decides."""
        for pool in self.pools.values():
            open_ = pool.name not in self.closed_pools and self.count(pool) < pool.max_nodes
            if open_ and _might_fit(pod["spec"], pool):
                for zone in self.zones_of(pool):
                    yield pool, zone


def _body(node: Node, pool: Pool) -> Object:
    labels = {
        **pool.labels,
        "kubernetes.io/os": "linux",
        "kubernetes.io/arch": "amd64",
        "kubernetes.io/hostname": node.name,
        REHEARSAL_LABEL: "node",
        **({ZONE: node.zone} if node.zone else {}),
    }
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": node.name, "labels": labels, "annotations": {**FAKE_NODE, POOL_ANNOTATION: pool.name}},
        "spec": {"taints": [{"key": t.key, "value": t.value, "effect": t.effect} for t in pool.taints]},
        "status": {"capacity": pool.room.quantities, "allocatable": pool.room.quantities},
    }


def _might_fit(spec: Mapping[str, Any], pool: Pool) -> bool:
    """Whether the pod's node selector and tolerations allow the pool's nodes; sizes are left to the scheduler."""
    wanted: Mapping[str, str] = spec.get("nodeSelector") or {}
    known = {key: value for key, value in wanted.items() if key != ZONE and not key.startswith("kubernetes.io/")}
    return known.items() <= pool.labels.items() and all(
        any(_tolerates(toleration, taint.key, taint.value, taint.effect) for toleration in spec.get("tolerations", ()))
        for taint in pool.taints
    )


def _tolerates(toleration: Mapping[str, Any], key: str, value: str, effect: str) -> bool:
    operator = toleration.get("operator", "Equal")
    return (
        toleration.get("effect", effect) == effect
        and (toleration.get("key") == key or (operator == "Exists" and not toleration.get("key")))
        and (operator == "Exists" or toleration.get("value", "") == value)
    )
