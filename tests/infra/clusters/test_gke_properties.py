"""Whatever a stack file may say of a GKE cluster plans and passes; whatever it may not is refused by its key."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from infra.catalog.local_ssds import local_ssd_counts
from infra.catalog.locations import zones_with
from infra.catalog.machines import accelerators, machines_with
from infra.catalog.minors import minors_of
from infra.catalog.sharing import mig_profiles
from infra.config.errors import ConfigError
from infra.config.explain import problems_of
from infra.config.load import from_file, stack_files
from infra.config.stack import StackConfig
from ops.plan.policies import check_policies
from ops.plan.program import plan_stack
from tests.contract.leaf_flip import changed

BASE = from_file(stack_files()["dev-gcp-europe-west4"])
ZONES = ("europe-west4-a", "europe-west4-b", "europe-west4-c")
HERE = {name for name in accelerators() if "europe-west4" in (zones_with("gke", name) or {"europe-west4": ()})}
SOLD = sorted(name for name in HERE if machines_with("gke", name))


@st.composite
def capacities(draw: st.DrawFn, zones: tuple[str, ...] = ZONES, *, spot: bool = True) -> list[dict[str, Any]]:
    kinds = draw(st.permutations(["on_demand", "spot"] if spot else ["on_demand"]))
    kinds = [*draw(st.sampled_from([[], ["reservation"]])), *kinds[: draw(st.integers(1, len(kinds)))]]
    entries: list[dict[str, Any]] = []
    for kind in kinds:
        least = draw(st.integers(0, 3))
        entry = {"kind": kind, "min_nodes": least, "max_nodes": draw(st.integers(max(least, 1), 20))}
        entries.append(
            entry | ({"name": "ours", "zone": draw(st.sampled_from(zones))} if kind == "reservation" else {})
        )
    return entries


@st.composite
def gpu_pools(draw: st.DrawFn) -> dict[str, Any]:
    accelerator = draw(st.sampled_from(SOLD))
    kinds = st.sampled_from(["time_slicing", "mps"])
    shared = st.fixed_dictionaries({"kind": kinds, "clients": st.integers(2, 48)})
    machine = draw(st.sampled_from([m.machine_type for m in machines_with("gke", accelerator)]))
    partitions = [{"kind": "mig", "profile": profile} for profile in mig_profiles(accelerator)]
    return {
        "kind": "gpu",
        "name": "generated",
        "machine_type": machine,
        "accelerator": accelerator,
        "sharing": draw(st.one_of(st.none(), shared, st.sampled_from(partitions or [None]))),
        "upgrade": draw(st.sampled_from(["one_by_one", "surge", "blue_green"])),
        "driver": draw(st.sampled_from(["latest", "default"])),
        "local_ssds": draw(st.sampled_from([0, *local_ssd_counts(machine)])),
        "capacity": draw(capacities((zones_with("gke", accelerator) or {"europe-west4": ZONES})["europe-west4"])),
    }


@st.composite
def clusters(draw: st.DrawFn) -> dict[str, Any]:
    """Keys of the cluster's section that replace those of a shipped stack."""
    days = draw(st.lists(st.sampled_from(["MO", "TU", "WE", "TH", "FR"]), min_size=2, unique=True))
    window = {"days": days, "start_utc": f"{draw(st.integers(0, 23)):02}:30", "hours": draw(st.integers(6, 24))}
    channel = draw(st.sampled_from(["RAPID", "REGULAR", "STABLE"]))
    system = {"capacity": draw(capacities(spot=False))}
    return {
        "zones": ZONES,
        "project_number": "123456789012",
        "release_channel": channel,
        "kubernetes_minor": draw(st.sampled_from([minors_of("gke", channel).oldest, "1.36", "1.99"])),
        "max_pods_per_node": draw(st.integers(8, 256)),
        "maintenance": draw(st.sampled_from([None, window])),
        "shared_volumes": draw(st.booleans()),
        "managed_prometheus": draw(st.booleans()),
        "deletion_protection": draw(st.booleans()),
        "pools": [BASE.model_dump(mode="json")["cluster"]["pools"][0] | system, *_rest(), draw(gpu_pools())],
    }


def _rest() -> list[dict[str, Any]]:
    return BASE.model_dump(mode="json")["cluster"]["pools"][1:]


def with_cluster(change: dict[str, Any]) -> StackConfig:
    return changed(BASE, lambda data: data["cluster"].update(change))


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(change=clusters())
def test_every_valid_cluster_plans_and_passes_each_mandatory_policy(change: dict[str, Any]):
    stack = plan_stack(with_cluster(change))
    verdicts = check_policies(stack)
    assert [violation for verdict in verdicts for violation in verdict.violations] == []
    pools = stack.of_type("gcp:container/nodePool:NodePool")
    assert len(pools) == sum(len(pool["capacity"]) for pool in change["pools"])


FAULTS: dict[str, Any] = {
    "zones": ["us-central1-a"],
    "kubernetes_minor": "1.20",
    "pods_cidr": "10.4.0.0/28",
    "nodes_cidr": "10.0.0.0/29",
    "services_cidr": "10.0.0.0/20",
    "maintenance": {"days": ["SU"], "start_utc": "20:00", "hours": 4},
    "max_pods_per_node": 7,
    "release_channel": "EXTENDED",
    "project_number": "one",
    "account_id": "111111111111",
    "vpc_cidr": "10.0.0.0/16",
}
"""A value that is wrong whatever stands beside it; the last two are EKS's keys."""


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(change=clusters(), key=st.sampled_from(sorted(FAULTS)))
def test_every_invalid_cluster_is_refused_by_its_key(change: dict[str, Any], key: str):
    with pytest.raises(ValidationError) as caught:
        with_cluster(change | {key: FAULTS[key]})
    error = ConfigError("stack", problems_of(caught.value))
    assert f"ragspan:cluster.{key}" in str(error)
