"""Observes every change of the pods during a drill, even those that are over before anybody looks."""

from collections.abc import Collection

from ops.rehearse.api import Api, Object
from ops.rehearse.scheduling import Workload, is_ready


class Witness:
    """Remembers the current pods of these namespaces, and later reads from the server what has happened to them."""

    def __init__(self, api: Api, namespaces: Collection[str]) -> None:
        self._api = api
        self._paths = [f"/api/v1/namespaces/{namespace}/pods" for namespace in namespaces]
        self._before = {path: api.get(path) for path in self._paths}

    def lowest_ready(self, workloads: Collection[Workload]) -> dict[str, int]:
        """Return the fewest ready pods of each workload, by label, at any moment since."""
        pods = {pod["metadata"]["uid"]: pod for answer in self._before.values() for pod in answer["items"]}
        lowest = {workload.label: _ready(workload, pods) for workload in workloads}
        for path in self._paths:
            for change, pod in self._api.changes(path, since=self._before[path]["metadata"]["resourceVersion"]):
                pods[pod["metadata"]["uid"]] = pod
                if change == "DELETED":
                    del pods[pod["metadata"]["uid"]]
                for workload in workloads:
                    lowest[workload.label] = min(lowest[workload.label], _ready(workload, pods))
        return lowest


def _ready(workload: Workload, pods: dict[str, Object]) -> int:
    return sum(is_ready(pod) and workload.owns(pod) for pod in pods.values())
