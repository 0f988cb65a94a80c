"""Waits until the real scheduler and controllers have placed every pod, growing pools when they find no place."""

import time
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from ops.rehearse.api import Api, Object
from ops.rehearse.fleet import NODES, Fleet, Node
from ops.rehearse.pools import Pool
from ops.rehearse.volumes import offer_volumes

QUIET_S = 5
"""After this much time without any change, nothing more is expected."""
STUCK_S = 3
"""The same if every pod that is left was refused a place. An object that the scheduler learns of late is missing at its
first try; it tries again after a back-off of a second (`podInitialBackoffSeconds`), which it checks every second."""
TRIAL_S = 3
"""How long the scheduler gets to use a new node once it is ready; it retries waiting pods at once."""
SETTLE_TIMEOUT_S = 120
_POLL_S = 0.1
_NO_CONDITION: Mapping[str, str] = {}


@dataclass(frozen=True, kw_only=True)
class Workload:
    """A Deployment or StatefulSet whose pods are awaited. `holds_room`: its pods are placeholders and serve nobody."""

    kind: str
    namespace: str
    name: str
    replicas: int
    selector: Mapping[str, str]
    holds_room: bool = False

    @property
    def label(self) -> str:
        """`Deployment ragspan/llm`."""
        return f"{self.kind} {self.namespace}/{self.name}"

    def owns(self, pod: Object) -> bool:
        """Whether the pod is one of the workload's replicas."""
        metadata = pod["metadata"]
        return metadata["namespace"] == self.namespace and self.selector.items() <= metadata.get("labels", {}).items()


class NotSettled(Exception):
    """Pods kept changing for longer than a rehearsal waits."""


class Scheduling:
    """The pods of one rehearsal in their namespaces, and the fleet that they are placed on."""

    def __init__(self, api: Api, fleet: Fleet, namespaces: Collection[str], provisioners: Collection[str]) -> None:
        self.api, self.fleet = api, fleet
        self.namespaces, self.provisioners = namespaces, provisioners
        self.words: dict[str, str] = {}
        """The scheduler's last message about each pod that it could not place, by uid."""
        self._volume_zones: dict[tuple[str, str], str] = {}

    def pods(self) -> list[Object]:
        """Return all pods, oldest first. Also creates volumes for waiting claims, as a driver would meanwhile."""
        for namespace in self.namespaces:
            zones = offer_volumes(self.api, namespace, self.provisioners, self.fleet.nodes)
            self._volume_zones |= {(namespace, claim): zone for claim, zone in zones.items()}
        found = [pod for ns in self.namespaces for pod in self.api.list(f"/api/v1/namespaces/{ns}/pods")]
        return sorted(found, key=lambda pod: (pod["metadata"]["creationTimestamp"], pod["metadata"]["name"]))

    def settle(self, workloads: Collection[Workload]) -> list[Object]:
        """Wait until every pod is ready, or nothing more can be done for the rest. Raises NotSettled."""
        hopeless: set[tuple[str, str, str]] = set()
        deadline = time.monotonic() + SETTLE_TIMEOUT_S
        seen, since = "", time.monotonic()
        while time.monotonic() < deadline:
            pods = self.pods()
            if all(is_settled(pod) for pod in pods) and not any(_missing(one, pods) for one in workloads):
                return pods
            if self._grow(pods, hopeless):
                continue
            now_seen = repr([(p["metadata"]["resourceVersion"], p["metadata"]["name"]) for p in pods])
            if now_seen != seen:
                seen, since = now_seen, time.monotonic()
            stuck = all(is_settled(pod) or is_unschedulable(pod) for pod in pods)
            patience = STUCK_S if stuck and not any(_missing(one, pods) for one in workloads) else QUIET_S
            if time.monotonic() - since > patience:
                return pods
            time.sleep(_POLL_S)
        raise NotSettled(f"Pods were still changing after {SETTLE_TIMEOUT_S} s.")

    def wait_ready(self, nodes: Collection[Node]) -> None:
        """Wait until the nodes are ready and the controller has removed their not-ready taint."""
        waiting = {node.name for node in nodes}
        deadline = time.monotonic() + SETTLE_TIMEOUT_S
        while waiting:
            if time.monotonic() > deadline:
                raise NotSettled(
                    f"Nodes did not become ready within {SETTLE_TIMEOUT_S} s: {', '.join(sorted(waiting))}."
                )
            for body in self.api.list(NODES):
                if not any(t["key"] == "node.kubernetes.io/not-ready" for t in body["spec"].get("taints", ())):
                    waiting.discard(body["metadata"]["name"])
            time.sleep(_POLL_S / 2)

    def words_on(self, pod: Object) -> str:
        """Return why the pod has no node, in the scheduler's last words."""
        return self.words.get(pod["metadata"]["uid"], "") or unschedulable_words(pod) or "the scheduler said nothing"

    def words_of_controller(self, workload: Workload) -> str:
        """Return why the workload's controller could not create a pod, in its own words."""
        path = f"/api/v1/namespaces/{workload.namespace}/events"
        for event in reversed(self.api.list(path, fieldSelector="reason=FailedCreate")):
            if event["involvedObject"]["name"].startswith(workload.name):
                return str(event["message"])
        return "its controller made no such pod and gave no reason"

    def _grow(self, pods: list[Object], hopeless: set[tuple[str, str, str]]) -> bool:
        """Add one node that lets the scheduler place a pod; return whether there was one."""
        for pod in pods:
            if not is_unschedulable(pod):
                continue
            uid = pod["metadata"]["uid"]
            self.words[uid] = unschedulable_words(pod)
            for pool, zone in self._untried(pod, hopeless):
                node = self.fleet.add(pool, zone)
                if self._is_used(node, uid):
                    return True
                self.fleet.remove(node)
                hopeless.add((uid, pool.name, zone))
        return False

    def _untried(self, pod: Object, hopeless: set[tuple[str, str, str]]) -> Iterator[tuple[Pool, str]]:
        bound_to = self._zones_of_volumes(pod)
        for pool, zone in list(self.fleet.room_for(pod)):
            if bound_to <= {zone} and (pod["metadata"]["uid"], pool.name, zone) not in hopeless:
                yield pool, zone

    def _zones_of_volumes(self, pod: Object) -> set[str]:
        """Return the zones of the pod's existing volumes: nodes elsewhere are of no use to it."""
        claims = [volume.get("persistentVolumeClaim", {}).get("claimName") for volume in pod["spec"].get("volumes", ())]
        zones = {self._volume_zones.get((pod["metadata"]["namespace"], claim)) for claim in claims if claim}
        return {zone for zone in zones if zone is not None}

    def _is_used(self, node: Node, uid: str) -> bool:
        """Whether the scheduler uses the node. If not, its message about the pod is recorded."""
        self.wait_ready([node])
        deadline = time.monotonic() + TRIAL_S
        while time.monotonic() < deadline:
            for pod in self.pods():
                if pod["spec"].get("nodeName") == node.name:
                    return True
                if pod["metadata"]["uid"] == uid and is_unschedulable(pod):
                    self.words[uid] = unschedulable_words(pod)
            time.sleep(_POLL_S)
        return False


def is_ready(pod: Object) -> bool:
    """Whether the pod is ready and not being deleted."""
    return "deletionTimestamp" not in pod["metadata"] and _condition(pod, "Ready").get("status") == "True"


def is_settled(pod: Object) -> bool:
    return is_ready(pod) or pod["status"].get("phase") == "Succeeded"


def is_unschedulable(pod: Object) -> bool:
    return _condition(pod, "PodScheduled").get("reason") == "Unschedulable"


def unschedulable_words(pod: Object) -> str:
    return _condition(pod, "PodScheduled").get("message", "")


def _condition(pod: Object, type_: str) -> Mapping[str, str]:
    conditions: list[Mapping[str, str]] = pod["status"].get("conditions", [])
    return next((condition for condition in conditions if condition["type"] == type_), _NO_CONDITION)


def _missing(workload: Workload, pods: list[Object]) -> int:
    return workload.replicas - sum(workload.owns(pod) for pod in pods)
