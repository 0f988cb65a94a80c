"""Disturbs a deployed stack and reports which services keep running: drains, new images, a lost zone, lost spot nodes.

After each disturbance the nodes are restored. Lost nodes disappear together with their pods, which in a cloud takes its
controllers some minutes. Containers do not run, so a pod is ready as soon as it has a node and its volume.
"""

import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from ops.rehearse.api import Object, Refused
from ops.rehearse.fleet import Node
from ops.rehearse.report import DrillResult
from ops.rehearse.scheduling import Scheduling, Workload, is_ready
from ops.rehearse.witness import Witness

DRAIN_TIMEOUT_S = 20
"""How long evictions may be refused by a disruption budget before they count as refused for good."""
ROLLOUT_TIMEOUT_S = 30
_NEW_DIGEST = "sha256:" + "1" * 64
_TOO_MANY_REQUESTS = 429


class Drills:
    """The drills on one stack's services; each yields one result for each workload concerned."""

    def __init__(self, scheduling: Scheduling, workloads: Sequence[Workload]) -> None:
        self._scheduling = scheduling
        self._workloads = [workload for workload in workloads if not workload.holds_room]
        self._api, self._fleet = scheduling.api, scheduling.fleet
        self._nodes = dict(self._fleet.nodes)

    def phases(self) -> Mapping[str, Iterator[DrillResult]]:
        """Return all drills by phase; consume them one after the other."""
        return {
            "drain": self.drain(),
            "roll out": map(self.roll_out, self._workloads),
            "lose zones": self.lose_zones(),
            "lose spot": self.lose_spot(),
        }

    def drain(self) -> Iterator[DrillResult]:
        """Drain one node after another through the eviction API, as an upgrade does, and bring each back empty."""
        lowest = {workload.label: workload.replicas for workload in self._workloads}
        words = dict.fromkeys(lowest, "")
        for node in self._nodes.values():
            witness = Witness(self._api, self._scheduling.namespaces)
            refusal = self._drain(node)
            self._restore()
            for label, ready in witness.lowest_ready(self._workloads).items():
                if ready < lowest[label]:
                    lowest[label], words[label] = ready, f"fewest while {node.name} was drained"
                if label in refusal:
                    words[label] = f"{node.name} could not be drained: {refusal[label]}"
        for workload in self._workloads:
            healthy = self._least_healthy(workload)
            kept = healthy is not None and lowest[workload.label] >= healthy
            yield self._result(
                "drain",
                f"each of {len(self._nodes)} in turn",
                workload,
                lowest=lowest[workload.label],
                passed=kept and "could not" not in words[workload.label],
                words=words[workload.label] if healthy is not None else "no disruption budget",
            )

    def roll_out(self, workload: Workload) -> DrillResult:
        """Change the workload's image and wait until all its pods have the new one."""
        path = self._api.path_of("apps/v1", workload.kind, workload.namespace, workload.name)
        template = self._api.get(path)["spec"]["template"]
        images = [
            {"name": container["name"], "image": f"{_repository(container['image'])}@{_NEW_DIGEST}"}
            for container in template["spec"]["containers"]
        ]
        witness = Witness(self._api, [workload.namespace])
        body = self._api.patch(path, {"spec": {"template": {"spec": {"containers": images}}}})
        deadline = time.monotonic() + ROLLOUT_TIMEOUT_S
        while not (done := _is_rolled_out(self._api.get(path))) and time.monotonic() < deadline:
            self._scheduling.settle(self._workloads)
            time.sleep(0.1)
        lowest = witness.lowest_ready([workload])[workload.label]
        unavailable, allowed = max(workload.replicas - lowest, 0), _allowed_unavailable(body, workload)
        words = f"{unavailable} unavailable, {allowed} allowed by its strategy"
        result = self._result(
            "rollout", "a new image", workload, lowest=lowest, passed=done and unavailable <= allowed, words=words
        )
        self._restore()
        return result

    def lose_zones(self) -> Iterator[DrillResult]:
        """Lose each zone in turn."""
        for zone in sorted({node.zone for node in self._nodes.values()} - {""}):
            self._fleet.closed_zones.add(zone)
            yield from self._lose("zone lost", zone, [node for node in self._nodes.values() if node.zone == zone])

    def lose_spot(self) -> Iterator[DrillResult]:
        """Lose all spot nodes at once, if the stack has spot pools."""
        spot = {pool.name for pool in self._fleet.pools.values() if pool.capacity == "spot"}
        if spot:
            self._fleet.closed_pools.update(spot)
            nodes = [node for node in self._nodes.values() if node.pool in spot]
            yield from self._lose("spot lost", "all nodes", nodes)

    def _lose(self, drill: str, target: str, nodes: Sequence[Node]) -> Iterator[DrillResult]:
        """Lose the nodes at once; record who is ready then, and after the remaining pools have grown."""
        lost = {node.name for node in nodes}
        pods = [pod for pod in self._scheduling.pods() if pod["spec"].get("nodeName") not in lost]
        lowest = {one.label: sum(is_ready(pod) and one.owns(pod) for pod in pods) for one in self._workloads}
        self._vanish(nodes)
        self._scheduling.settle(self._workloads)
        results = [self._result(drill, target, one, lowest=lowest[one.label]) for one in self._workloads]
        self._fleet.closed_zones.clear()
        self._fleet.closed_pools.clear()
        self._restore()
        yield from results

    def _result(
        self, drill: str, target: str, workload: Workload, *, lowest: int, passed: bool | None = None, words: str = ""
    ) -> DrillResult:
        own = [pod for pod in self._scheduling.pods() if workload.owns(pod)]
        ready = sum(map(is_ready, own))
        waiting = [pod for pod in own if not pod["spec"].get("nodeName")]
        return DrillResult(
            drill=drill,
            target=target,
            workload=workload.label,
            replicas=workload.replicas,
            lowest_ready=lowest,
            ready_after=ready,
            survives=lowest >= needed(workload),
            passed=None if passed is None else passed and ready >= workload.replicas,
            words=words or next((self._scheduling.words_on(pod) for pod in waiting), ""),
        )

    def _drain(self, node: Node) -> dict[str, str]:
        """Evict the node's pods, and return what was refused to the end, by workload."""
        self._fleet.cordon(node)
        deadline = time.monotonic() + DRAIN_TIMEOUT_S
        refusals: dict[str, str] = {}
        while pods := self._on(node):
            refusals = {}
            for pod in pods:
                if words := self._evict(pod):
                    refusals |= {one.label: words for one in self._workloads if one.owns(pod)}
            self._scheduling.settle(self._workloads)
            if time.monotonic() > deadline:
                return refusals
        return {}

    def _on(self, *nodes: Node) -> list[Object]:
        names = {node.name for node in nodes}
        return [pod for pod in self._scheduling.pods() if pod["spec"].get("nodeName") in names]

    def _evict(self, pod: Object) -> str:
        """Request the pod's eviction; return the message of a budget that refuses it, or nothing."""
        metadata = pod["metadata"]
        eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": metadata["name"]}}
        try:
            self._api.create(f"{_path(pod)}/eviction", eviction)
        except Refused as refused:
            if refused.status != _TOO_MANY_REQUESTS:
                raise
            return str(refused)
        return ""

    def _vanish(self, nodes: Collection[Node]) -> None:
        pods = self._on(*nodes)
        for node in nodes:
            self._fleet.remove(node)
        for pod in pods:
            self._api.delete(_path(pod), now=True)

    def _restore(self) -> None:
        """Restore exactly the nodes that existed before the drills, under their names."""
        fleet = self._fleet
        self._vanish([node for name, node in fleet.nodes.items() if name not in self._nodes])
        for node in self._nodes.values():
            if node.name not in fleet.nodes:
                fleet.bring_back(node)
            else:
                fleet.uncordon(node)
        self._scheduling.wait_ready(list(fleet.nodes.values()))
        self._scheduling.settle(self._workloads)

    def _least_healthy(self, workload: Workload) -> int | None:
        """Return how many pods its disruption budget keeps; None if no budget covers it."""
        for budget in self._api.list(f"/apis/policy/v1/namespaces/{workload.namespace}/poddisruptionbudgets"):
            if workload.selector.items() <= budget["spec"]["selector"].get("matchLabels", {}).items():
                return int(budget["status"]["desiredHealthy"])
        return None


def needed(workload: Workload) -> int:
    """Return how many ready pods a service needs: one of a Deployment, a majority of a StatefulSet, whose pods vote."""
    return workload.replicas // 2 + 1 if workload.kind == "StatefulSet" else 1


def _path(pod: Object) -> str:
    return f"/api/v1/namespaces/{pod['metadata']['namespace']}/pods/{pod['metadata']['name']}"


def _repository(image: str) -> str:
    repository = image.partition("@")[0]
    folder, slash, name = repository.rpartition("/")
    return f"{folder}{slash}{name.partition(':')[0]}"


def _is_rolled_out(body: Object) -> bool:
    wanted, status = body["spec"]["replicas"], body["status"]
    return status.get("observedGeneration", 0) >= body["metadata"]["generation"] and all(
        status.get(count, 0) == wanted for count in ("replicas", "updatedReplicas", "availableReplicas")
    )


def _allowed_unavailable(body: Object, workload: Workload) -> int:
    """Return how many pods the update strategy allows to be unavailable; StatefulSets replace one at a time."""
    if workload.kind == "StatefulSet":
        return 1
    strategy: Any = body["spec"]["strategy"]
    if strategy["type"] == "Recreate":
        return workload.replicas
    allowed = strategy["rollingUpdate"]["maxUnavailable"]
    return allowed if isinstance(allowed, int) else workload.replicas * int(allowed.rstrip("%")) // 100
