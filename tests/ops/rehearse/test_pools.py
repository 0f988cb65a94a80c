"""Fake nodes are those of the stack's cluster: its labels, taints and zones, and never more room than a machine."""

import pytest

from infra.catalog.machines import find_machine
from infra.clusters import scheduling
from infra.config.cluster import ExistingCluster
from infra.config.load import from_file, stack_files
from ops.plan.graph import RecordedStack
from ops.rehearse.allocatable import allocatable
from ops.rehearse.objects import pod_spec
from ops.rehearse.pools import Pool, pools_of
from tests.support.stacks import NAMES, planned


def pools(stack: str) -> dict[str, Pool]:
    return {pool.name: pool for pool in pools_of(from_file(stack_files()[stack]).cluster)}


def selectors(stack: RecordedStack) -> list[dict[str, str]]:
    return [dict(pod_spec(manifest).get("nodeSelector", {})) for manifest in stack.manifests()]


@pytest.mark.parametrize("name", NAMES)
def test_every_pool_wears_what_the_clusters_own_code_gives_it(name: str) -> None:
    cluster = from_file(stack_files()[name]).cluster
    if isinstance(cluster, ExistingCluster):
        return
    found = list(pools_of(cluster))
    for pool in cluster.pools:
        for entry in pool.capacity:
            fake = found.pop(0)
            assert fake.labels.items() >= scheduling.node_labels(pool, cluster.kind).items()
            assert list(fake.taints) == scheduling.taints(pool, cluster.kind)
            assert (fake.max_nodes, fake.capacity) == (entry.max_nodes, entry.kind)
    assert found == []


@pytest.mark.parametrize("name", NAMES)
def test_every_node_selector_of_a_stack_is_met_by_a_pool(name: str) -> None:
    labels = [pool.labels.items() for pool in pools(name).values()]
    assert [one for one in selectors(planned(name)) if not any(one.items() <= pool for pool in labels)] == []


def test_karpenter_keeps_no_minimum_and_the_system_pool_keeps_its_own() -> None:
    found = pools("prod-aws-us-east-1")
    assert (found["system-on-demand"].min_nodes, found["l4-on-demand"].min_nodes) == (3, 0)
    assert found["l4-spot"].labels["karpenter.sh/capacity-type"] == "spot"


def test_reserved_nodes_stand_in_the_zone_of_their_reservation() -> None:
    assert pools("prod-gcp-us-central1")["h100-reservation"].zones == ("us-central1-a",)


def test_partitions_are_offered_as_gpus_of_their_own() -> None:
    assert pools("prod-gcp-us-central1")["h100-parts-spot"].room.gpus == 4
    assert pools("prod-gcp-us-central1")["h100-spot"].room.gpus == 8


def test_a_machine_leaves_pods_less_than_it_has() -> None:
    machine = find_machine("gke", "n2-standard-8")
    assert machine
    room = allocatable("gke", machine, disk_gb=100, gpus=0, pods=110)
    # GKE documents 7.91 CPU and 29.4 GiB of 32; the rest is kept for the cloud's own pods and the kernel.
    assert room.millicores == 7910 - 500
    assert 25 * 1024 < room.memory_mib < 29.4 * 1024 - 512
    assert room.disk_gib == 49


def test_local_ssds_hold_temporary_files_where_there_are_any() -> None:
    machine = find_machine("gke", "g2-standard-24")
    assert machine
    assert allocatable("gke", machine, disk_gb=200, local_ssds=2, gpus=2, pods=110).disk_gib == 600


def test_an_existing_cluster_is_one_stated_node() -> None:
    only = pools("local")["existing"]
    assert (only.min_nodes, only.max_nodes, only.zones, only.room.quantities["cpu"]) == (1, 1, ("",), "4000m")
