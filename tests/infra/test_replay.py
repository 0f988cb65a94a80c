"""Everyday changes of a stack file, replayed on its recorded graph: what would be updated, and that nothing is lost."""

from collections.abc import Callable, Mapping
from copy import deepcopy
from functools import cache
from typing import Any

import pytest

from infra.config.load import from_file, stack_files
from ops.plan.changes import Change, compare
from ops.plan.program import plan_stack
from tests.contract.leaf_flip import changed
from tests.support.stacks import planned

CONFIGS = {name: from_file(path) for name, path in stack_files().items()}
OWN = [name for name, config in CONFIGS.items() if config.cluster.kind != "existing"]
"""Stacks whose cluster is made here."""

OF_A_POOL = {
    "aws:ec2/launchTemplate:LaunchTemplate",
    "aws:eks/nodeGroup:NodeGroup",
    "gcp:container/nodePool:NodePool",
    "kubernetes:cloud.google.com/v1:ComputeClass",
    "kubernetes:karpenter.k8s.aws/v1:EC2NodeClass",
    "kubernetes:karpenter.sh/v1:NodePool",
}
"""Everything that stands for one pool; nothing of it holds data."""


def next_minor(data: dict[str, Any]) -> None:
    data["cluster"]["kubernetes_minor"] = "1.36"


def one_node_more(data: dict[str, Any]) -> None:
    data["cluster"]["pools"][-1]["capacity"][0]["max_nodes"] += 1


def add_a_pool(data: dict[str, Any]) -> None:
    data["cluster"]["pools"].append(deepcopy(data["cluster"]["pools"][-1]) | {"name": "added"})


def rename_the_gpu_pools(data: dict[str, Any]) -> None:
    for pool in data["cluster"]["pools"]:
        pool["name"] += "-2" if pool["kind"] == "gpu" else ""
    if "pool" in data["models"]["llm"]:
        data["models"]["llm"]["pool"] += "-2"


def rename_the_system_pool(data: dict[str, Any]) -> None:
    data["cluster"]["pools"][0]["name"] = "platform"


REPLAYED = [next_minor, one_node_more, add_a_pool, rename_the_gpu_pools, rename_the_system_pool]


@cache
def replay(name: str, change: Callable[[dict[str, Any]], None]) -> tuple[Change, ...]:
    return compare(planned(name), plan_stack(changed(CONFIGS[name], change)))


def of(changes: tuple[Change, ...], act: str) -> Mapping[str, Change]:
    return {change.name: change for change in changes if change.act == act}


@pytest.mark.parametrize("name", OWN)
@pytest.mark.parametrize("change", REPLAYED, ids=lambda change: change.__name__)
def test_an_everyday_change_replaces_nothing_and_deletes_no_data_and_no_cluster(
    name: str, change: Callable[[dict[str, Any]], None]
):
    found = replay(name, change)
    assert found, "the change reached nothing"
    assert of(found, "replace") == {}
    assert {gone.type for gone in of(found, "delete").values()} <= OF_A_POOL


@pytest.mark.parametrize("name", OWN)
def test_a_kubernetes_minor_is_taken_in_place(name: str):
    found = replay(name, next_minor)
    assert {change.act for change in found} == {"update"}
    assert [c.paths for c in found if c.type.endswith(":Cluster")] in ([("minMasterVersion",)], [("version",)])


@pytest.mark.parametrize("name", OWN)
def test_a_larger_pool_is_one_update_of_that_pool(name: str):
    (change,) = replay(name, one_node_more)
    assert (change.act, change.type in OF_A_POOL) == ("update", True)


@pytest.mark.parametrize("name", OWN)
def test_a_further_pool_is_created_and_touches_nothing_else(name: str):
    found = replay(name, add_a_pool)
    assert {change.act for change in found} == {"create"}
    assert {change.type for change in found} <= OF_A_POOL


@pytest.mark.parametrize("name", OWN)
def test_a_renamed_pool_stands_before_the_old_one_goes(name: str):
    """Pods move in between: they select the new name, and the engine deletes last."""
    found = replay(name, rename_the_system_pool)
    created, deleted = of(found, "create"), of(found, "delete")
    assert [change.type for change in created.values()] == [change.type for change in deleted.values()]
    assert {"weaviate-stateful-set", "rag-api-deployment"} <= of(found, "update").keys()


def test_a_change_that_would_lose_the_index_is_seen_and_refused():
    """What the tests above look for can be found."""

    def smaller(data: dict[str, Any]) -> None:
        data["vector_store"]["storage_gib"] += 1

    (change,) = replay("prod-gcp-europe-west4", smaller)
    assert (change.name, change.act, change.is_refused) == ("weaviate-stateful-set", "replace", True)
