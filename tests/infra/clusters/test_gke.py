import json
from typing import Any

import pytest

from infra.clusters.gke import GkeCluster, GkeClusterArgs
from infra.clusters.gke_pools import initial_nodes_per_zone
from infra.config.cluster import GkeCluster as Config
from infra.contracts import KubernetesCluster, Placement, Toleration
from infra.naming import Names
from ops.plan.graph import RecordedStack, Resource
from tests.support.recording import recorded

SECTION: dict[str, Any] = {
    "kind": "gke",
    "project_id": "some-project",
    "region": "europe-west4",
    "zones": ("europe-west4-a", "europe-west4-b", "europe-west4-c"),
    "kubernetes_minor": "1.34",
    "release_channel": "REGULAR",
    "nodes_cidr": "10.0.0.0/20",
    "pods_cidr": "10.16.0.0/14",
    "services_cidr": "10.1.0.0/20",
    "deletion_protection": True,
    "pools": (
        {
            "kind": "gpu",
            "name": "l4",
            "machine_type": "g2-standard-24",
            "accelerator": "nvidia-l4",
            "capacity": ({"kind": "on_demand", "max_nodes": 2}, {"kind": "spot", "max_nodes": 4}),
        },
        {
            "kind": "cpu",
            "name": "system",
            "purpose": "system",
            "machine_type": "e2-standard-8",
            "capacity": ({"kind": "on_demand", "min_nodes": 3, "max_nodes": 6},),
        },
        {
            "kind": "cpu",
            "name": "batch",
            "purpose": "batch",
            "machine_type": "e2-standard-4",
            "capacity": ({"kind": "spot", "max_nodes": 9},),
        },
    ),
}
NAMES = Names(stack="prod-gcp-europe-west4", environment="prod")
CLASS = "cloud.google.com/compute-class"
POOL = "gcp:container/nodePool:NodePool"


def build(**changes: object) -> GkeCluster:
    return GkeCluster("cluster", GkeClusterArgs(config=Config.model_validate(SECTION | changes), names=NAMES))


@pytest.fixture(scope="module")
def stack() -> RecordedStack:
    return recorded(build, NAMES.stack)


@pytest.fixture(scope="module")
def control_plane(stack: RecordedStack) -> Resource:
    return stack.named("cluster-control-plane")


def pool(stack: RecordedStack, name: str) -> dict[str, Any]:
    return dict(stack.named(f"cluster-pools-{name}").inputs)


def test_it_satisfies_the_contract_and_places_pods_on_its_pools():
    placements: list[Placement] = []

    def program() -> None:
        cluster: KubernetesCluster = build()
        placements.extend([cluster.place_on_system_pool(), cluster.place_on_gpu_pool("l4")])

    recorded(program)
    assert placements == [
        Placement(node_selector={"ragspan.dev/pool": "system"}),
        Placement(
            node_selector={"ragspan.dev/pool": "l4", CLASS: "l4"},
            tolerations=(Toleration(key="nvidia.com/gpu", value="present"), Toleration(key=CLASS, value="l4")),
            annotations={"cluster-autoscaler.kubernetes.io/safe-to-evict": "false"},
        ),
    ]


def test_everything_goes_through_the_explicit_provider_of_the_configured_project(stack: RecordedStack):
    google = stack.named("cluster-google")
    assert (google.inputs["project"], google.inputs["region"]) == ("some-project", "europe-west4")
    assert {r.provider for r in stack.resources if r.type.startswith("gcp:")} == {google.urn}


def test_nodes_have_no_public_addresses_and_reach_out_through_nat(stack: RecordedStack, control_plane: Resource):
    assert control_plane.inputs["privateClusterConfig"] == {"enablePrivateNodes": True}
    nat = stack.named("cluster-network-nat")
    for node_pool in stack.of_type(POOL):
        assert node_pool.inputs["networkConfig"] == {"enablePrivateNodes": True}
        assert nat.urn in node_pool.dependencies


def test_the_control_plane_answers_by_its_dns_name_only(control_plane: Resource):
    endpoints = control_plane.inputs["controlPlaneEndpointsConfig"]
    assert endpoints["ipEndpointsConfig"] == {"enabled": False}
    assert endpoints["dnsEndpointConfig"] == {"allowExternalTraffic": True}


def test_network_policies_are_enforced_by_dataplane_v2(control_plane: Resource):
    assert control_plane.inputs["datapathProvider"] == "ADVANCED_DATAPATH"


def test_a_protected_cluster_is_protected_by_google_and_by_the_engine(control_plane: Resource):
    assert control_plane.inputs["deletionProtection"] is True
    assert control_plane.options["protect"] is True


def test_an_unprotected_cluster_can_be_destroyed():
    control_plane = recorded(lambda: build(deletion_protection=False)).named("cluster-control-plane")
    assert control_plane.inputs["deletionProtection"] is False
    assert not control_plane.options.get("protect")


def test_the_system_pool_precedes_every_other_pool(stack: RecordedStack):
    system = stack.named("cluster-pools-system-on-demand")
    others = [p for p in stack.of_type(POOL) if p.urn != system.urn]
    assert [p.name for p in others if system.urn not in p.dependencies] == []
    assert len(others) == 3


def test_a_gpu_pool_is_tainted_by_us(stack: RecordedStack):
    node = pool(stack, "l4-on-demand")["nodeConfig"]
    assert node["taints"] == [
        {"key": "nvidia.com/gpu", "value": "present", "effect": "NO_SCHEDULE"},
        {"key": CLASS, "value": "l4", "effect": "NO_SCHEDULE"},
    ]


def test_a_batch_pool_takes_batch_work_only(stack: RecordedStack):
    node = pool(stack, "batch-spot")["nodeConfig"]
    assert node["taints"] == [{"key": "ragspan.dev/pool", "value": "batch", "effect": "NO_SCHEDULE"}]


def test_a_gpu_pool_carries_as_many_accelerators_as_its_machine_and_googles_driver(stack: RecordedStack):
    (accelerator,) = pool(stack, "l4-spot")["nodeConfig"]["guestAccelerators"]
    assert (accelerator["type"], accelerator["count"]) == ("nvidia-l4", 2)
    assert accelerator["gpuDriverInstallationConfig"] == {"gpuDriverVersion": "LATEST"}


def test_a_cpu_pool_has_no_accelerator(stack: RecordedStack):
    assert "guestAccelerators" not in pool(stack, "system-on-demand")["nodeConfig"]


def test_spot_nodes_are_sought_in_any_zone_and_others_balanced(stack: RecordedStack):
    spot, on_demand = pool(stack, "l4-spot"), pool(stack, "l4-on-demand")
    assert (spot["nodeConfig"]["spot"], spot["autoscaling"]["locationPolicy"]) == (True, "ANY")
    assert (on_demand["nodeConfig"]["spot"], on_demand["autoscaling"]["locationPolicy"]) == (False, "BALANCED")


def test_pool_limits_hold_for_all_zones_together(stack: RecordedStack):
    scaling = pool(stack, "system-on-demand")["autoscaling"]
    assert (scaling["totalMinNodeCount"], scaling["totalMaxNodeCount"]) == (3, 6)


def test_what_gke_owns_is_left_to_gke(stack: RecordedStack):
    for node_pool in stack.of_type(POOL):
        assert {"version", "initialNodeCount", "nodeCount"} <= set(node_pool.options["ignoreChanges"])


def test_nodes_are_shielded_and_hide_their_own_identity_from_pods(stack: RecordedStack):
    for node_pool in stack.of_type(POOL):
        node = node_pool.inputs["nodeConfig"]
        assert node["shieldedInstanceConfig"] == {"enableSecureBoot": True, "enableIntegrityMonitoring": True}
        assert node["workloadMetadataConfig"] == {"mode": "GKE_METADATA"}


def test_nodes_hold_two_roles_and_get_them_before_they_start(stack: RecordedStack):
    grants = stack.of_type("gcp:projects/iAMMember:IAMMember")
    roles = {grant.inputs["role"] for grant in grants}
    assert roles == {"roles/container.defaultNodeServiceAccount", "roles/artifactregistry.reader"}
    for node_pool in stack.of_type(POOL):
        assert {grant.urn for grant in grants} <= set(node_pool.dependencies)


def test_gpu_metrics_are_collected_where_there_are_gpus(control_plane: Resource):
    without = recorded(lambda: build(pools=SECTION["pools"][1:])).named("cluster-control-plane")
    assert "DCGM" in control_plane.inputs["monitoringConfig"]["enableComponents"]
    assert "DCGM" not in without.inputs["monitoringConfig"]["enableComponents"]


def test_volumes_outlive_their_claims_and_stay_in_the_pods_zone(stack: RecordedStack):
    volumes = stack.named("cluster-ssd").inputs
    assert (volumes["reclaimPolicy"], volumes["volumeBindingMode"]) == ("Retain", "WaitForFirstConsumer")
    assert (stack.named("cluster").outputs or {})["storage_class"] == "ragspan-ssd"


def test_a_new_kubeconfig_replaces_nothing_in_the_cluster(stack: RecordedStack):
    provider = stack.named("cluster-kubernetes")
    assert provider.inputs["clusterIdentifier"] == "gke_some-project_europe-west4_ragspan-prod"
    assert "token" not in json.dumps(provider.inputs).lower()


@pytest.mark.parametrize(
    ("min_nodes", "max_nodes", "zones", "per_zone"),
    [(0, 4, 3, 0), (3, 6, 3, 1), (4, 6, 3, 2), (4, 5, 3, 1), (1, 1, 3, 0), (1, 3, 3, 1), (2, 2, 2, 1)],
)
def test_a_pool_starts_with_the_least_nodes_that_its_limits_allow(
    min_nodes: int, max_nodes: int, zones: int, per_zone: int
):
    assert initial_nodes_per_zone(min_nodes, max_nodes, zones=zones) == per_zone
