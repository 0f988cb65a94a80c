"""Drills tell which services keep answering, and fail where a budget or a strategy is broken."""

from dataclasses import replace

import pulumi_kubernetes as k8s
import pytest
from pulumi import ResourceOptions

from infra.config.load import from_file, stack_files
from ops.rehearse.report import DrillResult
from tests.integration.cluster.conftest import Rehearse
from tests.support.recording import recorded
from tests.support.stacks import planned

pytestmark = pytest.mark.needs("kubernetes")


def of(drills: tuple[DrillResult, ...], drill: str, workload: str) -> list[DrillResult]:
    return [one for one in drills if one.drill == drill and one.workload.endswith(f"/{workload}")]


def test_production_keeps_answering_through_every_disturbance(rehearsed: Rehearse) -> None:
    found = rehearsed("prod-gcp-europe-west4", drills=True)
    assert all(one.passed is not False for one in found.drills)
    lost = {one.workload for one in found.drills if not one.survives}
    assert lost == {"Deployment ragspan/valkey"}, "the cache alone, without which answers go on"
    assert {one.target for one in of(found.drills, "zone lost", "weaviate")} == {
        "europe-west4-a", "europe-west4-b", "europe-west4-c"
    }  # fmt: skip
    assert of(found.drills, "rollout", "rag-api")[0].lowest_ready == 3
    # A zonal volume keeps its pod from moving to another zone.
    assert {one.ready_after for one in of(found.drills, "zone lost", "weaviate")} == {2}
    assert found.seconds.keys() == {"apply", "place", "drain", "roll out", "lose zones", "lose spot"}
    assert sum(found.seconds.values()) < 300


def test_a_single_replica_falls_with_its_zone_and_its_spot_node(rehearsed: Rehearse) -> None:
    drills = rehearsed("dev-gcp-europe-west4", drills=True).drills
    assert [one.survives for one in of(drills, "zone lost", "rag-api")] == [False]
    assert [one.survives for one in of(drills, "spot lost", "llm")] == [False]
    assert [one.survives for one in of(drills, "spot lost", "weaviate")] == [True]


def test_a_budget_that_lets_no_pod_go_fails_the_drain_in_its_own_words(
    rehearsed: Rehearse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ops.rehearse.drills.DRAIN_TIMEOUT_S", 1)
    stack = planned("local")
    budget = stack.named("rag-api-disruptions")
    spec = {"minAvailable": 1, "selector": budget.inputs["spec"]["selector"]}
    strict = replace(budget, inputs={**budget.inputs, "spec": spec})
    resources = tuple(strict if one is budget else one for one in stack.resources)
    config = from_file(stack_files()["local"])
    found = rehearsed("local", replace(stack, resources=resources), config=config, drills=True)
    drain = of(found.drills, "drain", "rag-api")[0]
    assert drain.passed is False
    assert "violate the pod's disruption budget" in drain.words
    assert not found.passed(strict=False)


def held_room() -> None:
    namespace = k8s.core.v1.Namespace("room", metadata={"name": "room"})
    k8s.scheduling.v1.PriorityClass("lowest", metadata={"name": "lowest"}, value=-10)
    labels = {"app": "room"}
    template: k8s.core.v1.PodTemplateSpecArgsDict = {
        "metadata": {"labels": labels},
        "spec": {"priority_class_name": "lowest", "containers": [{"name": "pause", "image": "pause:1"}]},
    }
    spec: k8s.apps.v1.DeploymentSpecArgsDict = {"selector": {"match_labels": labels}, "template": template}
    k8s.apps.v1.Deployment(
        "room",
        metadata={"name": "room", "namespace": "room"},
        spec=spec,
        opts=ResourceOptions(depends_on=[namespace]),
    )


def test_room_that_is_held_for_others_is_no_service(rehearsed: Rehearse) -> None:
    found = rehearsed("local", recorded(held_room), drills=True)
    assert ([pod.workload for pod in found.pods], found.drills) == (["Deployment room/room"], ())
    assert found.passed(strict=False)
