"""How long a rehearsal waits for a pod, on a clock of its own."""

from dataclasses import dataclass
from typing import Any, cast

import pytest

from ops.rehearse import scheduling
from ops.rehearse.api import Object
from ops.rehearse.scheduling import Scheduling, Workload, is_ready

WEAVIATE = Workload(kind="StatefulSet", namespace="ragspan", name="weaviate", replicas=1, selector={"app": "weaviate"})
READY = {"type": "Ready", "status": "True"}
REFUSED = {"type": "PodScheduled", "reason": "Unschedulable", "message": "no storage class"}


@dataclass
class Clock:
    """Time that passes by waiting alone."""

    now: float = 0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


class NoRoom:
    """A fleet that cannot grow."""

    def room_for(self, pod: Object) -> list[Any]:
        return []


class TriedAgain(Scheduling):
    """One pod, which the scheduler places when it tries it again at `placed_at`."""

    def __init__(self, clock: Clock, placed_at: float) -> None:
        super().__init__(cast("Any", None), cast("Any", NoRoom()), (), ())
        self.clock, self.placed_at = clock, placed_at

    def pods(self) -> list[Object]:
        condition = REFUSED if self.clock.now < self.placed_at else READY
        labels = {"app": "weaviate"}
        metadata = {"namespace": "ragspan", "name": "weaviate-0", "uid": "1", "resourceVersion": "1", "labels": labels}
        return [{"metadata": metadata, "spec": {}, "status": {"conditions": [condition]}}]


@pytest.mark.parametrize(("placed_at", "is_placed"), [(0, True), (2.5, True), (60, False)])
def test_a_refused_pod_is_given_up_only_after_the_scheduler_had_time_to_try_it_again(
    monkeypatch: pytest.MonkeyPatch, placed_at: float, is_placed: bool
) -> None:
    clock = Clock()
    monkeypatch.setattr(scheduling, "time", clock)
    (pod,) = TriedAgain(clock, placed_at).settle([WEAVIATE])
    assert is_ready(pod) == is_placed
    assert clock.now < 5
