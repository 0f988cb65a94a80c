import json
import tomllib
from typing import Any

import pytest
from pydantic import ValidationError

from ops.plan.graph import RecordedStack
from tests.infra.clusters.test_eks import GPU_POOL, NAMES, SYSTEM_POOL, build
from tests.support.recording import recorded

BATCH_POOL: dict[str, Any] = {
    **SYSTEM_POOL,
    "name": "batch",
    "purpose": "batch",
    "capacity": ({"kind": "spot", "max_nodes": 3},),
}
OBJECT = "kubernetes:karpenter.sh/v1:NodePool"
RELEASE = "kubernetes:helm.sh/v3:Release"


@pytest.fixture(scope="module")
def stack() -> RecordedStack:
    return recorded(lambda: build(pools=(GPU_POOL, BATCH_POOL, SYSTEM_POOL)), NAMES.stack)


def pool(stack: RecordedStack, name: str) -> dict[str, Any]:
    return dict(stack.named(f"cluster-pools-{name}").inputs["spec"])


def node(stack: RecordedStack, name: str) -> dict[str, Any]:
    return pool(stack, name)["template"]["spec"]


def test_the_first_capacity_is_tried_first(stack: RecordedStack):
    first, second = pool(stack, "l4-on-demand"), pool(stack, "l4-spot")
    assert first["weight"] > second["weight"]
    kinds = [node(stack, f"l4-{kind}")["requirements"][1]["values"] for kind in ("on-demand", "spot")]
    assert kinds == [["on-demand"], ["spot"]]


def test_a_pool_grows_to_its_most_nodes_and_no_further(stack: RecordedStack):
    assert pool(stack, "l4-spot")["limits"] == {"cpu": "32", "nvidia.com/gpu": "4"}, "four machines of 8 and 1"
    assert pool(stack, "batch-spot")["limits"] == {"cpu": "24"}


def test_the_system_pool_grows_beyond_its_group_to_its_most_nodes(stack: RecordedStack):
    assert pool(stack, "system-on-demand")["limits"] == {"cpu": "24"}, "six nodes of 8, three of them the group's"
    assert node(stack, "system-on-demand")["taints"] == []
    assert pool(stack, "system-on-demand")["template"]["metadata"]["labels"] == {"ragspan.dev/pool": "system"}


def test_no_node_is_taken_from_a_stateful_service(stack: RecordedStack):
    assert pool(stack, "system-on-demand")["disruption"]["consolidationPolicy"] == "WhenEmpty"
    assert node(stack, "system-on-demand")["expireAfter"] == "Never"
    assert node(stack, "batch-spot")["expireAfter"] == "720h"


def test_a_system_pool_that_does_not_grow_is_its_group_alone():
    fixed = {**SYSTEM_POOL, "capacity": ({"kind": "on_demand", "min_nodes": 3, "max_nodes": 3},)}
    stack = recorded(lambda: build(pools=(fixed,)), NAMES.stack)
    assert [r.name for r in stack.resources if r.name.startswith("cluster-pools-")] == []


def test_a_system_pool_without_nodes_is_refused_because_nothing_would_carry_karpenter():
    none = {**SYSTEM_POOL, "capacity": ({"kind": "on_demand", "max_nodes": 3},)}
    with pytest.raises(ValidationError, match=r"nothing would carry Karpenter.*write min_nodes: 2"):
        build(pools=(none,))


def test_no_node_is_taken_from_a_pod_that_may_be_loading_a_model(stack: RecordedStack):
    for name in ("l4-on-demand", "l4-spot"):
        assert pool(stack, name)["disruption"]["consolidationPolicy"] == "WhenEmpty"
        assert node(stack, name)["expireAfter"] == "Never"


def test_nodes_are_replaced_one_at_a_time_and_drained_for_a_bounded_time(stack: RecordedStack):
    for name in ("l4-spot", "batch-spot"):
        assert pool(stack, name)["disruption"]["budgets"] == [{"nodes": "1"}]
        assert node(stack, name)["terminationGracePeriod"]


def test_workloads_find_their_pool_and_nothing_else_lands_there(stack: RecordedStack):
    assert pool(stack, "l4-spot")["template"]["metadata"]["labels"] == {"ragspan.dev/pool": "l4"}
    gpu = {"key": "nvidia.com/gpu", "value": "present", "effect": "NoSchedule"}
    assert node(stack, "l4-spot")["taints"] == [gpu]
    assert node(stack, "batch-spot")["taints"] == [{**gpu, "key": "ragspan.dev/pool", "value": "batch"}]


def test_nodes_run_a_pinned_image_on_encrypted_disks_of_the_configured_size(stack: RecordedStack):
    spec = stack.named("cluster-pools-l4").inputs["spec"]
    assert spec["amiSelectorTerms"] == [{"alias": "bottlerocket@v1.63.0"}]
    disks = {disk["deviceName"]: disk["ebs"] for disk in spec["blockDeviceMappings"]}
    assert disks["/dev/xvdb"]["volumeSize"] == "300Gi"
    assert {disk["encrypted"] for disk in disks.values()} == {True}


def test_pods_cannot_take_a_nodes_credentials(stack: RecordedStack):
    options = stack.named("cluster-pools-l4").inputs["spec"]["metadataOptions"]
    assert (options["httpTokens"], options["httpPutResponseHopLimit"]) == ("required", 1)


def test_nodes_start_in_our_subnets_behind_the_clusters_group(stack: RecordedStack):
    spec = stack.named("cluster-pools-l4").inputs["spec"]
    (wanted,) = [term["tags"] for term in spec["subnetSelectorTerms"]]
    tagged = [s.name for s in stack.of_type("aws:ec2/subnet:Subnet") if wanted.items() <= s.inputs["tags"].items()]
    assert tagged == [f"cluster-network-private-us-east-1{zone}" for zone in "abc"]
    assert spec["securityGroupSelectorTerms"] == [{"tags": {"aws:eks:cluster-name": "ragspan-prod"}}]


def test_nodes_are_let_in_before_one_is_started(stack: RecordedStack):
    after = stack.named("cluster-pools-l4").dependencies
    assert {stack.named(f"cluster-karpenter-nodes-{part}").urn for part in ("entry", "profile")} <= set(after)
    assert stack.named("cluster-karpenter-karpenter").urn in after
    assert stack.named("cluster-pools-l4").urn in stack.named("cluster-pools-l4-spot").dependencies


def test_the_controller_starts_with_its_identity_and_its_kinds(stack: RecordedStack):
    after = stack.named("cluster-karpenter-karpenter").dependencies
    needed = ("karpenter-controller-association", "karpenter-karpenter-crd", "pool-system-on-demand", "coredns-addon")
    for name in needed:
        found = [r.urn for r in stack.resources if r.name == f"cluster-{name}"]
        assert set(found) & set(after), name
    assert [release.inputs["version"] for release in stack.of_type(RELEASE)] == ["1.14.1", "1.14.1"]


def test_the_controller_runs_where_no_node_is_its_own(stack: RecordedStack):
    values = stack.named("cluster-karpenter-karpenter").inputs["values"]
    assert values["nodeSelector"]["ragspan.dev/pool"] == "system"
    assert values["replicas"] == 2
    alone = {**SYSTEM_POOL, "capacity": ({"kind": "on_demand", "min_nodes": 1, "max_nodes": 3},)}
    single = recorded(lambda: build(pools=(alone,)), NAMES.stack).named("cluster-karpenter-karpenter")
    assert single.inputs["values"]["replicas"] == 1, "two controllers never share a node"


def test_notices_reach_the_controller_and_nobody_else_writes_them(stack: RecordedStack):
    sources = [json.loads(r.inputs["eventPattern"]) for r in stack.of_type("aws:cloudwatch/eventRule:EventRule")]
    assert {"EC2 Spot Instance Interruption Warning"} in [set(source["detail-type"]) for source in sources]
    settings = stack.named("cluster-karpenter-karpenter").inputs["values"]["settings"]
    assert settings["interruptionQueue"] == stack.named("cluster-karpenter-notices-queue").inputs["name"]
    allow, deny = json.loads(stack.named("cluster-karpenter-notices-policy").inputs["policy"])["Statement"]
    rules = {arn.rpartition("/")[2] for arn in allow["Condition"]["ArnEquals"]["aws:SourceArn"]}
    assert rules == {r.inputs["name"] for r in stack.of_type("aws:cloudwatch/eventRule:EventRule")}
    assert (deny["Effect"], deny["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})


def test_the_controller_touches_only_what_is_marked_as_its_clusters(stack: RecordedStack):
    policy = json.loads(stack.named("cluster-karpenter-controller-identity-policy").inputs["policy"])
    for statement in policy["Statement"]:
        actions = json.dumps(statement["Action"])
        if any(verb in actions for verb in ("Terminate", "Delete", "CreateTags", "CreateLaunchTemplate")):
            condition = json.dumps(statement.get("Condition", {}))
            assert "kubernetes.io/cluster/ragspan-prod" in condition or "sqs:" in actions, statement["Sid"]


def test_nodes_that_always_run_are_refused_with_the_remedy():
    pools = ({**GPU_POOL, "capacity": ({"kind": "on_demand", "min_nodes": 2, "max_nodes": 4},)}, SYSTEM_POOL)
    with pytest.raises(ValidationError, match=r"pool l4 is Karpenter's.*write min_nodes: 0"):
        build(pools=pools)


def test_a_shared_gpu_is_the_image_s_own_setting_and_limits_count_what_sharing_does_not_multiply():
    shared = {**GPU_POOL, "sharing": {"kind": "time_slicing", "clients": 3}}
    stack = recorded(lambda: build(pools=(shared, SYSTEM_POOL)), NAMES.stack)
    settings = tomllib.loads(stack.named("cluster-pools-l4").inputs["spec"]["userData"])["settings"]
    nvidia = settings["kubelet-device-plugins"]["nvidia"]
    assert (nvidia["device-sharing-strategy"], nvidia["time-slicing"]["replicas"]) == ("time-slicing", 3)
    assert pool(stack, "l4-spot")["limits"] == {"cpu": "32"}


def test_a_reservation_is_used_first_in_its_zone():
    held = {"kind": "reservation", "name": "cr-0123456789abcdef0", "zone": "us-east-1b", "max_nodes": 2}
    reserved = {**GPU_POOL, "capacity": (held, *GPU_POOL["capacity"])}
    stack = recorded(lambda: build(pools=(reserved, SYSTEM_POOL)), NAMES.stack)
    wanted = {r["key"]: r["values"] for r in node(stack, "l4-reservation")["requirements"]}
    assert wanted["karpenter.sh/capacity-type"] == ["reserved"]
    assert wanted["topology.kubernetes.io/zone"] == ["us-east-1b"]
    terms = stack.named("cluster-pools-l4").inputs["spec"]["capacityReservationSelectorTerms"]
    assert terms == [{"id": "cr-0123456789abcdef0"}]
    assert pool(stack, "l4-reservation")["weight"] > pool(stack, "l4-on-demand")["weight"]
