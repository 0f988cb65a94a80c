"""Head-room is pods that anybody may push out, that hold what a replica needs, and that no update waits for."""

from typing import Any

import pytest

from infra.config.pools import Headroom as Config
from infra.contracts import Placement, Toleration
from infra.services.headroom import Headroom, HeadroomArgs, Room
from ops.plan.graph import RecordedStack
from ops.plan.policies import check_policies
from tests.infra.services.samples import controller, manifest, pod, site
from tests.support.recording import recorded

PLACEMENT = Placement(
    node_selector={"pool": "gpu"},
    tolerations=(Toleration(key="nvidia.com/gpu", value="present"),),
    annotations={"cluster-autoscaler.kubernetes.io/safe-to-evict": "false"},
)
REPLICA = Config(pods=2, cpu_cores=8.0, memory_gib=32.0, gpus=1)
SMALL = Config(pods=1, cpu_cores=0.5, memory_gib=1.0)


@pytest.fixture(scope="module")
def stack() -> RecordedStack:
    rooms = [
        Room(pool="gpu", size=REPLICA, placement=PLACEMENT),
        Room(pool="system", size=SMALL, placement=Placement()),
    ]
    return recorded(lambda: Headroom("headroom", HeadroomArgs(site=site(), rooms=rooms)))


def test_every_other_pod_comes_first(stack: RecordedStack):
    lowest = manifest(stack, "PriorityClass", "ragspan-headroom")
    assert (lowest["value"], lowest["preemptionPolicy"], lowest.get("globalDefault", False)) == (-10, "Never", False)
    spec = pod(stack, "headroom-gpu")
    assert (spec["priorityClassName"], spec["terminationGracePeriodSeconds"]) == ("ragspan-headroom", 0)


def test_a_pod_holds_what_a_replica_needs_where_it_will_run(stack: RecordedStack):
    spec = pod(stack, "headroom-gpu")
    requests = spec["containers"][0]["resources"]["requests"]
    assert {"cpu": "8", "memory": "32Gi", "nvidia.com/gpu": "1"}.items() <= requests.items()
    assert spec["nodeSelector"] == {"pool": "gpu"}
    assert [taint["key"] for taint in spec["tolerations"]] == ["nvidia.com/gpu"]
    assert controller(stack, "headroom-gpu")["spec"]["replicas"] == 2
    assert "nvidia.com/gpu" not in pod(stack, "headroom-system")["containers"][0]["resources"]["requests"]


def test_it_keeps_no_node_from_being_emptied(stack: RecordedStack):
    template: dict[str, Any] = controller(stack, "headroom-gpu")["spec"]["template"]
    assert "annotations" not in template["metadata"]


def test_a_drain_may_take_all_of_it(stack: RecordedStack):
    budget = manifest(stack, "PodDisruptionBudget", "headroom-gpu")["spec"]
    assert budget["maxUnavailable"] == "100%"
    assert budget["selector"] == controller(stack, "headroom-gpu")["spec"]["selector"]


def test_no_update_waits_for_its_nodes(stack: RecordedStack):
    for pool in ("gpu", "system"):
        annotations = controller(stack, f"headroom-{pool}")["metadata"]["annotations"]
        assert annotations == {"pulumi.com/skipAwait": "true"}


def test_its_pods_keep_to_every_policy(stack: RecordedStack):
    verdicts = check_policies(stack)
    assert [verdict.policy for verdict in verdicts if not verdict.checked] == []
    assert [violation for verdict in verdicts for violation in verdict.violations] == []
