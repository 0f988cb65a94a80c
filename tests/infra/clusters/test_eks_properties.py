"""Whatever a stack file may say of an EKS cluster plans and passes; whatever it may not is refused by its key."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from infra.catalog.locations import zones_with
from infra.catalog.machines import accelerators, machines_with
from infra.config.errors import ConfigError
from infra.config.explain import problems_of
from infra.config.load import from_file, stack_files
from infra.config.stack import StackConfig
from infra.versions import VERSIONS
from ops.plan.graph import RecordedStack
from ops.plan.policies import check_policies
from ops.plan.program import plan_stack
from tests.contract.leaf_flip import changed

BASE = from_file(stack_files()["staging-aws-eu-west-1"])
POOLS = BASE.model_dump(mode="json")["cluster"]["pools"]
ZONES = ("eu-west-1a", "eu-west-1b", "eu-west-1c")
SOLD = sorted(
    name
    for name in accelerators()
    if machines_with("eks", name) and "eu-west-1" in (zones_with("eks", name) or {"eu-west-1": ()})
)
MOST_NODES = 12
"""Of one capacity entry, so that the smallest VPC generated has room for every pool at its largest."""


@st.composite
def capacities(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Of a pool of Karpenter's: no node always runs, and a reservation comes first."""
    kinds = draw(st.permutations(["on_demand", "spot"]))
    kinds = [*draw(st.sampled_from([[], ["reservation"]])), *kinds[: draw(st.integers(1, len(kinds)))]]
    entries: list[dict[str, Any]] = [{"kind": kind, "max_nodes": draw(st.integers(1, MOST_NODES))} for kind in kinds]
    held = {"name": "cr-0123456789abcdef0", "zone": draw(st.sampled_from(ZONES))}
    return [entry | (held if entry["kind"] == "reservation" else {}) for entry in entries]


@st.composite
def gpu_pools(draw: st.DrawFn) -> dict[str, Any]:
    accelerator = draw(st.sampled_from(SOLD))
    shared = st.fixed_dictionaries({"kind": st.just("time_slicing"), "clients": st.integers(2, 48)})
    return {
        "kind": "gpu",
        "name": "generated",
        "machine_type": draw(st.sampled_from([m.machine_type for m in machines_with("eks", accelerator)])),
        "accelerator": accelerator,
        "sharing": draw(st.one_of(st.none(), shared)),
        "disk_size_gb": draw(st.integers(100, 16_000)),
        "capacity": draw(capacities()),
    }


buckets = st.fixed_dictionaries(
    {"cold_after_days": st.integers(30, 3650), "keep_replaced_days": st.integers(1, 3650), "protect": st.booleans()}
)


@st.composite
def clusters(draw: st.DrawFn) -> dict[str, Any]:
    """Keys of the cluster's section that replace those of a shipped stack."""
    least = draw(st.integers(1, 3))
    system = {"kind": "on_demand", "min_nodes": least, "max_nodes": draw(st.integers(least, MOST_NODES))}
    return {
        "kubernetes_minor": draw(st.sampled_from(sorted(VERSIONS.eks_addons))),
        "vpc_cidr": draw(st.sampled_from(["10.0.0.0/16", "10.64.0.0/17", "172.16.0.0/18"])),
        "nat_gateways": draw(st.sampled_from(["one", "one_per_zone"])),
        "interface_endpoints": draw(st.booleans()),
        "flow_logs": draw(st.booleans()),
        "public_access_cidrs": draw(st.sampled_from([[], ["198.51.100.0/24"]])),
        "shared_volumes": draw(st.booleans()),
        "buckets": draw(st.one_of(st.none(), buckets)),
        "deletion_protection": draw(st.booleans()),
        "pools": [POOLS[0] | {"capacity": [system]}, *POOLS[1:], draw(gpu_pools())],
    }


def with_cluster(change: dict[str, Any]) -> StackConfig:
    return changed(BASE, lambda data: data["cluster"].update(change))


def entries(stack: RecordedStack) -> int:
    """How many capacity entries the cluster's pools have, as what makes nodes for each."""
    kinds = ("aws:eks/nodeGroup:NodeGroup", "kubernetes:karpenter.sh/v1:NodePool")
    return sum(len(stack.of_type(kind)) for kind in kinds)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(change=clusters())
def test_every_valid_cluster_plans_and_passes_each_mandatory_policy(change: dict[str, Any]):
    stack = plan_stack(with_cluster(change))
    verdicts = check_policies(stack)
    assert [violation for verdict in verdicts for violation in verdict.violations] == []
    (system,) = change["pools"][0]["capacity"]
    grows = system["max_nodes"] > system["min_nodes"]
    assert entries(stack) == sum(len(pool["capacity"]) for pool in change["pools"]) + grows
    assert bool(stack.of_type("aws:s3/bucket:Bucket")) == bool(change["buckets"])


FAULTS: dict[str, Any] = {
    "zones": ["us-east-1a", "us-east-1b"],
    "kubernetes_minor": "1.20",
    "vpc_cidr": "10.0.0.0/21",
    "account_id": "one",
    "nat_gateways": "none",
    "admin_role_arn": "arn:aws:iam::111111111111:user/admin",
    "public_access_cidrs": ["198.51.100.7/24"],
    "buckets": {"cold_after_days": 7, "keep_replaced_days": 30, "protect": True},
    "shared_volumes": "yes",
    "project_id": "some-project",
    "release_channel": "REGULAR",
}
"""A value that is wrong whatever stands beside it; the last two are GKE's keys."""


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(change=clusters(), key=st.sampled_from(sorted(FAULTS)))
def test_every_invalid_cluster_is_refused_by_its_key(change: dict[str, Any], key: str):
    with pytest.raises(ValidationError) as caught:
        with_cluster(change | {key: FAULTS[key]})
    error = ConfigError("stack", problems_of(caught.value))
    assert f"ragspan:cluster.{key}" in str(error)


POOL_FAULTS: dict[str, tuple[dict[str, Any], str]] = {
    "nodes that always run": ({"capacity": [{"kind": "spot", "min_nodes": 1, "max_nodes": 2}]}, "min_nodes"),
    "a reservation without its zone": (
        {"capacity": [{"kind": "reservation", "name": "cr-0123456789abcdef0", "max_nodes": 1}]},
        "capacity[0].zone",
    ),
    "partitions": ({"sharing": {"kind": "mig", "profile": "1g.10gb"}}, "sharing.kind"),
    "GKE's disks": ({"local_ssds": 1}, "local_ssds"),
    "GKE's machines": ({"machine_type": "g2-standard-8"}, "machine_type"),
    "no accelerator that there is": ({"accelerator": "nvidia-b1"}, "accelerator"),
}


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(change=clusters(), fault=st.sampled_from(sorted(POOL_FAULTS)))
def test_every_invalid_pool_is_refused_by_its_key(change: dict[str, Any], fault: str):
    wrong, key = POOL_FAULTS[fault]
    change["pools"][-1] |= wrong
    with pytest.raises(ValidationError) as caught:
        with_cluster(change)
    error = str(ConfigError("stack", problems_of(caught.value)))
    assert f"ragspan:cluster.pools[{len(change['pools']) - 1}]." in error
    assert key in error
