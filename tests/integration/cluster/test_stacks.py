"""A real API server takes every stack, a real scheduler places its pods, and what is wrong is said in their words."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pulumi_kubernetes as k8s
import pytest
from pulumi import ResourceOptions

from infra.config.load import from_file, stack_files
from infra.config.stack import StackConfig
from ops.plan.graph import RecordedStack, Resource
from ops.plan.program import plan_stack
from tests.integration.cluster.conftest import Rehearse
from tests.support.recording import recorded
from tests.support.stacks import NAMES, planned

pytestmark = pytest.mark.needs("kubernetes")


def changed(stack: RecordedStack, name: str, **inputs: Any) -> RecordedStack:
    """The stack with fields of one resource's inputs replaced."""

    def change(resource: Resource) -> Resource:
        return replace(resource, inputs={**resource.inputs, **inputs}) if resource.name == name else resource

    return replace(stack, resources=tuple(map(change, stack.resources)))


def with_store(name: str, **changes: object) -> StackConfig:
    config = from_file(stack_files()[name])
    return config.model_copy(update={"vector_store": config.vector_store.model_copy(update=changes)})


@pytest.mark.parametrize("name", NAMES)
def test_every_stack_is_accepted_and_placed(name: str, rehearsed: Rehearse) -> None:
    found = rehearsed(name)
    assert [(result.object, result.reason) for result in found.refused] == []
    assert [(pod.pod, pod.words) for pod in found.unplaced] == []
    assert found.passed(strict=False)
    assert found.seconds["apply"] + found.seconds["place"] < 30


def test_a_replica_in_each_zone_is_where_the_scheduler_puts_it(rehearsed: Rehearse) -> None:
    stores = [pod for pod in rehearsed("prod-gcp-europe-west4").pods if pod.workload.endswith("/weaviate")]
    assert len({pod.zone for pod in stores}) == len({pod.node for pod in stores}) == 3


def test_a_pool_grows_only_by_what_its_pods_need(rehearsed: Rehearse) -> None:
    pools = {pool.pool: (pool.used, pool.running) for pool in rehearsed("dev-gcp-europe-west4").pools}
    assert pools == {"system-on-demand": (1, 1), "batch-spot": (0, 0), "l4-spot": (1, 1)}


def test_a_pod_that_fits_no_node_is_told_in_the_schedulers_words(rehearsed: Rehearse) -> None:
    config = with_store("local", memory_gib=64.0)
    found = rehearsed("local", plan_stack(config), config=config)
    assert [pod.pod for pod in found.unplaced] == ["weaviate-0"]
    assert "Insufficient memory" in found.unplaced[0].words
    assert not found.passed(strict=False)


def test_a_misspelt_field_is_refused_by_its_name(rehearsed: Rehearse) -> None:
    stack = planned("local")
    spec = {**stack.named("weaviate-headless").inputs["spec"], "publishNotReadyAdresses": True}
    found = rehearsed("local", changed(stack, "weaviate-headless", spec=spec))
    assert [result.object for result in found.refused] == ["Service ragspan/weaviate-headless"]
    assert "publishNotReadyAdresses" in found.refused[0].reason
    assert not found.passed(strict=False)


def test_a_pod_that_admission_refuses_is_told_in_its_controllers_words(rehearsed: Rehearse) -> None:
    stack = planned("local")
    spec = stack.named("rag-api-deployment").inputs["spec"]
    pod = {**spec["template"]["spec"], "hostNetwork": True}
    template = {**spec["template"], "spec": pod}
    found = rehearsed("local", changed(stack, "rag-api-deployment", spec={**spec, "template": template}))
    assert "violates PodSecurity" in found.unplaced[0].words
    assert found.unplaced[0].pod == "(1 of 1)"


@pytest.mark.needs("custom-resources")
def test_custom_resources_are_held_against_their_schemas(rehearsed: Rehearse) -> None:
    found = rehearsed("dev-gcp-europe-west4")
    kinds = {kind.kind: kind for kind in found.custom_kinds}
    assert "@kubernetes-models/gke" in kinds["ComputeClass cloud.google.com/v1"].by
    assert "CEL rules" in kinds["ComputeClass cloud.google.com/v1"].not_checked
    assert [result.outcome for result in found.objects if result.object == "ComputeClass l4"] == ["checked"]
    assert found.passed(strict=True)


@pytest.mark.needs("custom-resources")
def test_a_custom_resource_with_a_wrong_value_is_refused(rehearsed: Rehearse) -> None:
    stack = planned("dev-gcp-europe-west4")
    spec = {**stack.named("cluster-classes-l4").inputs["spec"], "whenUnsatisfiable": "Perhaps"}
    found = rehearsed("dev-gcp-europe-west4", changed(stack, "cluster-classes-l4", spec=spec))
    assert [(result.object, result.reason) for result in found.refused] == [
        ("ComputeClass l4", "spec.whenUnsatisfiable must be one of ScaleUpAnyway, DoNotScaleUp")
    ]
    assert not found.passed(strict=False)


def test_a_custom_resource_is_not_passed_off_as_checked(rehearsed: Rehearse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ops.rehearse.custom_resources.CACHE", Path("/nowhere"))
    found = rehearsed("dev-gcp-europe-west4", planned("dev-gcp-europe-west4"))
    reasons = {item.subject: item.reason for item in found.not_rehearsed}
    assert "custom resources not checked" in reasons["ComputeClass cloud.google.com/v1 (1)"]
    assert found.passed(strict=False)
    assert not found.passed(strict=True)


def one_volume_for_all_zones(mode: str) -> None:
    metadata: k8s.meta.v1.ObjectMetaArgsDict = {"name": "app", "namespace": "shared"}
    labels = {"app": "app"}
    selector: k8s.meta.v1.LabelSelectorArgsDict = {"match_labels": labels}
    spread: k8s.core.v1.TopologySpreadConstraintArgsDict = {
        "max_skew": 1,
        "topology_key": "topology.kubernetes.io/zone",
        "when_unsatisfiable": "DoNotSchedule",
        "label_selector": selector,
    }
    pod: k8s.core.v1.PodSpecArgsDict = {
        "containers": [{"name": "app", "image": "app:1"}],
        "topology_spread_constraints": [spread],
        "volumes": [{"name": "shared", "persistent_volume_claim": {"claim_name": "app"}}],
    }
    later = ResourceOptions(depends_on=[k8s.core.v1.Namespace("shared", metadata={"name": "shared"})])
    k8s.storage.v1.StorageClass(
        "files", metadata={"name": "files"}, provisioner="files.example.com", volume_binding_mode=mode
    )
    k8s.core.v1.PersistentVolumeClaim(
        "claim",
        metadata=metadata,
        spec={
            "access_modes": ["ReadWriteMany"],
            "storage_class_name": "files",
            "resources": {"requests": {"storage": "1Gi"}},
        },
        opts=later,
    )
    template: k8s.core.v1.PodTemplateSpecArgsDict = {"metadata": {"labels": labels}, "spec": pod}
    spec: k8s.apps.v1.DeploymentSpecArgsDict = {"replicas": 3, "selector": selector, "template": template}
    k8s.apps.v1.Deployment("app", metadata=metadata, spec=spec, opts=later)


@pytest.mark.parametrize("mode", ["Immediate", "WaitForFirstConsumer"])
def test_a_volume_of_many_writers_is_reached_from_every_zone(mode: str, rehearsed: Rehearse) -> None:
    found = rehearsed("prod-gcp-europe-west4", recorded(lambda: one_volume_for_all_zones(mode)))
    assert len({pod.zone for pod in found.pods} - {""}) == 3, [pod.words for pod in found.unplaced]


def over_quota() -> None:
    metadata: k8s.meta.v1.ObjectMetaArgsDict = {"name": "app", "namespace": "small"}
    labels = {"app": "app"}
    template: k8s.core.v1.PodTemplateSpecArgsDict = {
        "metadata": {"labels": labels},
        "spec": {"containers": [{"name": "app", "image": "app:1"}]},
    }
    namespace = k8s.core.v1.Namespace("small", metadata={"name": "small"})
    quota = k8s.core.v1.ResourceQuota(
        "quota", metadata=metadata, spec={"hard": {"pods": "1"}}, opts=ResourceOptions(depends_on=[namespace])
    )
    k8s.apps.v1.Deployment(
        "app",
        metadata=metadata,
        spec={"replicas": 2, "selector": {"match_labels": labels}, "template": template},
        opts=ResourceOptions(depends_on=[quota]),
    )


def test_a_quota_is_enforced_and_its_use_is_told(rehearsed: Rehearse) -> None:
    found = rehearsed("local", recorded(over_quota))
    assert [(one.quota, one.resource, one.used, one.hard) for one in found.quotas] == [("small/app", "pods", "1", "1")]
    assert ["exceeded quota: app" in pod.words for pod in found.unplaced] == [True]


def many_objects() -> None:
    later = ResourceOptions(depends_on=[k8s.core.v1.Namespace("many", metadata={"name": "many"})])
    for number in range(40):
        name, labels = f"app-{number}", {"app": f"app-{number}"}
        metadata: k8s.meta.v1.ObjectMetaArgsDict = {"name": name, "namespace": "many"}
        selector: k8s.meta.v1.LabelSelectorArgsDict = {"match_labels": labels}
        container: k8s.core.v1.ContainerArgsDict = {
            "name": "app",
            "image": "app:1",
            "resources": {"requests": {"cpu": "500m"}},
        }
        template: k8s.core.v1.PodTemplateSpecArgsDict = {
            "metadata": {"labels": labels},
            "spec": {"service_account_name": name, "containers": [container]},
        }
        k8s.core.v1.ConfigMap(f"{name}-map", metadata=metadata, data={"key": "value"}, opts=later)
        k8s.core.v1.ServiceAccount(f"{name}-account", metadata=metadata, opts=later)
        service: k8s.core.v1.ServiceSpecArgsDict = {"selector": labels, "ports": [{"port": 80}]}
        k8s.core.v1.Service(f"{name}-service", metadata=metadata, spec=service, opts=later)
        budget: k8s.policy.v1.PodDisruptionBudgetSpecArgsDict = {"max_unavailable": 1, "selector": selector}
        k8s.policy.v1.PodDisruptionBudget(f"{name}-budget", metadata=metadata, spec=budget, opts=later)
        spec: k8s.apps.v1.DeploymentSpecArgsDict = {"selector": selector, "template": template}
        k8s.apps.v1.Deployment(name, metadata=metadata, spec=spec, opts=later)


def test_two_hundred_objects_are_placed_within_half_a_minute(rehearsed: Rehearse) -> None:
    found = rehearsed("prod-gcp-europe-west4", recorded(many_objects))
    assert (len(found.objects), len(found.pods), found.refused, found.unplaced) == (201, 40, (), ())
    assert found.seconds["apply"] + found.seconds["place"] < 30


def test_a_chart_is_named_and_its_room_is_taken(rehearsed: Rehearse) -> None:
    found = rehearsed("prod-aws-us-east-1")
    chart = next(item for item in found.not_rehearsed if item.subject == "cluster-karpenter-karpenter")
    assert "takes its room" in chart.reason
    assert sum("cluster-karpenter-karpenter" in pod.workload for pod in found.pods) == 2
