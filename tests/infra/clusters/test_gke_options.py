"""What the stack file chooses of a GKE cluster and its pools reaches Google in its API's words."""

from typing import Any

import pytest
from pydantic import ValidationError

from infra.config.gke import MaintenanceWindow
from ops.plan.graph import RecordedStack
from tests.infra.clusters.test_gke import SECTION, build
from tests.support.recording import recorded

H100: dict[str, Any] = {
    "kind": "gpu",
    "name": "h100",
    "machine_type": "a3-highgpu-8g",
    "accelerator": "nvidia-h100-80gb",
    "capacity": (
        {"kind": "reservation", "name": "ours", "zone": "europe-west4-b", "min_nodes": 1, "max_nodes": 2},
        {"kind": "spot", "max_nodes": 4},
        {"kind": "on_demand", "max_nodes": 1},
    ),
}
CPU = SECTION["pools"][1:]


def with_pool(**changes: object) -> RecordedStack:
    return recorded(lambda: build(pools=(H100 | changes, *CPU)))


def node_pool(stack: RecordedStack, capacity: str) -> dict[str, Any]:
    return dict(stack.named(f"cluster-pools-h100-{capacity}").inputs)


def control_plane(**changes: object) -> dict[str, Any]:
    return dict(recorded(lambda: build(**changes)).named("cluster-control-plane").inputs)


def test_a_reservation_is_used_by_name_in_its_own_zone():
    reserved = node_pool(with_pool(), "reservation")
    assert reserved["nodeLocations"] == ["europe-west4-b"]
    assert reserved["nodeConfig"]["reservationAffinity"] == {
        "consumeReservationType": "SPECIFIC_RESERVATION",
        "key": "compute.googleapis.com/reservation-name",
        "values": ["ours"],
    }


def test_gpu_nodes_are_sought_only_where_the_accelerator_is():
    assert node_pool(with_pool(), "spot")["nodeLocations"] == ["europe-west4-b", "europe-west4-c"]


def test_a_compute_class_grows_capacity_in_the_order_of_the_stack_file():
    stack = with_pool()
    (compute_class,) = stack.of_type("kubernetes:cloud.google.com/v1:ComputeClass")
    spec = compute_class.inputs["spec"]
    named = [rule["nodepools"] for rule in spec["priorities"]]
    assert named == [["h100-reservation"], ["h100-spot"], ["h100-on-demand"]]
    assert stack.named("cluster-pools-h100-spot").urn in compute_class.dependencies
    assert spec["whenUnsatisfiable"] == "DoNotScaleUp"


def test_an_idle_node_stays_as_long_as_the_stack_file_says():
    (compute_class,) = with_pool(idle_minutes=90).of_type("kubernetes:cloud.google.com/v1:ComputeClass")
    assert compute_class.inputs["spec"]["autoscalingPolicy"] == {"consolidationDelayMinutes": 90}


def test_pods_on_spot_nodes_are_told_two_minutes_ahead_where_google_can():
    def kubelet(capacity: str, minor: str) -> dict[str, Any]:
        stack = recorded(lambda: build(pools=(H100, *CPU), kubernetes_minor=minor))
        return dict(node_pool(stack, capacity)["nodeConfig"]["kubeletConfig"])

    told = {"shutdownGracePeriodSeconds": 120, "shutdownGracePeriodCriticalPodsSeconds": 15}
    assert told.items() <= kubelet("spot", "1.35").items()
    assert not told.keys() & kubelet("spot", "1.34").keys()
    assert not told.keys() & kubelet("on-demand", "1.35").keys(), "the API takes it for spot nodes alone"


@pytest.mark.parametrize(
    ("sharing", "expected"),
    [
        ({"kind": "mig", "profile": "1g.20gb"}, {"gpuPartitionSize": "1g.20gb"}),
        (
            {"kind": "time_slicing", "clients": 4},
            {"gpuSharingConfig": {"gpuSharingStrategy": "TIME_SHARING", "maxSharedClientsPerGpu": 4}},
        ),
        (
            {"kind": "mps", "clients": 3},
            {"gpuSharingConfig": {"gpuSharingStrategy": "MPS", "maxSharedClientsPerGpu": 3}},
        ),
    ],
)
def test_sharing_a_gpu_is_one_key_in_the_stack_file(sharing: dict[str, Any], expected: dict[str, Any]):
    (accelerator,) = node_pool(with_pool(sharing=sharing), "spot")["nodeConfig"]["guestAccelerators"]
    assert expected.items() <= accelerator.items()


def test_an_unlisted_machine_carries_what_the_stack_file_says():
    stack = with_pool(machine_type="unlisted", machine={"vcpus": 60, "memory_gib": 500, "gpus": 3})
    assert node_pool(stack, "spot")["nodeConfig"]["guestAccelerators"][0]["count"] == 3


@pytest.mark.parametrize("driver", ["latest", "default"])
def test_google_keeps_the_driver_that_the_stack_file_chooses(driver: str):
    (accelerator,) = node_pool(with_pool(driver=driver), "spot")["nodeConfig"]["guestAccelerators"]
    assert accelerator["gpuDriverInstallationConfig"] == {"gpuDriverVersion": driver.upper()}


def test_upgrades_of_gpu_nodes_need_no_further_gpu_unless_asked_to():
    assert node_pool(with_pool(), "spot")["upgradeSettings"] == {
        "strategy": "SURGE",
        "maxSurge": 0,
        "maxUnavailable": 1,
    }
    assert node_pool(with_pool(upgrade="blue_green"), "spot")["upgradeSettings"]["strategy"] == "BLUE_GREEN"


def test_authorised_networks_open_the_address_beside_the_name():
    inputs = control_plane(authorized_networks=("198.51.100.0/24",))
    assert inputs["controlPlaneEndpointsConfig"]["ipEndpointsConfig"] == {"enabled": True}
    assert inputs["masterAuthorizedNetworksConfig"]["cidrBlocks"] == [{"cidrBlock": "198.51.100.0/24"}]


def test_upgrades_wait_for_the_maintenance_window():
    window = {"days": ("SA", "SU"), "start_utc": "20:00", "hours": 8}
    assert control_plane(maintenance=window)["maintenancePolicy"]["recurringWindow"] == {
        "startTime": "2026-01-01T20:00:00Z",
        "endTime": "2026-01-02T04:00:00Z",
        "recurrence": "FREQ=WEEKLY;BYDAY=SA,SU",
    }


def test_a_window_that_google_would_refuse_is_refused_here():
    with pytest.raises(ValidationError, match="leave less than 48 hours in 32 days; allowed: 12 or more"):
        MaintenanceWindow(days=("SU",), start_utc="20:00", hours=8)


def test_the_bill_is_split_by_namespace():
    assert control_plane()["costManagementConfig"] == {"enabled": True}
