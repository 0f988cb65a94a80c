"""A workload is secure without asking for it, whatever service it belongs to."""

from typing import Any

import pulumi
import pytest

from infra.contracts import Placement
from infra.services.network import Access
from infra.services.pods import HttpProbe, PodSpec, Scratch
from infra.services.workload import Workload, peer
from ops.plan.graph import RecordedStack
from tests.infra.services.samples import SERVICES, controller, manifest, pod, site
from tests.support.recording import recorded

PROBE = HttpProbe(path="/", period_s=5, failures=3)


class NewService(pulumi.ComponentResource):
    """What someone writes who gives no thought to security."""

    def __init__(self) -> None:
        super().__init__("ragspan:tests:NewService", "new")
        here = site()
        spec = PodSpec(
            name="new",
            component="test",
            image="registry.example/new:1.0.0",
            env={},
            secret_env={},
            ports={"http": 80},
            startup=PROBE,
            readiness=PROBE,
            liveness=PROBE,
            cpu_cores=0.25,
            memory_gib=0.5,
            scratch={"/tmp": Scratch(size_gib=2)},
            placement=Placement(),
            grace_s=30,
        )
        access = Access(accepts=peer("new", here, 80), metrics_port=80)
        Workload("new", parent=self, site=here, spec=spec, access=access).create_deployment(
            replicas=2, max_surge=1, max_unavailable=0
        )
        self.register_outputs({})


@pytest.fixture(scope="module")
def new_service() -> RecordedStack:
    return recorded(NewService)


def test_a_new_workload_is_restricted_without_saying_so(new_service: RecordedStack) -> None:
    spec = pod(new_service, "new")
    assert spec["securityContext"] == {
        "runAsNonRoot": True,
        "runAsUser": 65532,
        "runAsGroup": 65532,
        "fsGroup": 65532,
        "fsGroupChangePolicy": "OnRootMismatch",
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert spec["containers"][0]["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert (spec["enableServiceLinks"], spec["automountServiceAccountToken"]) == (False, False)


def test_a_new_workload_has_an_account_a_budget_and_a_policy_of_its_own(new_service: RecordedStack) -> None:
    assert pod(new_service, "new")["serviceAccountName"] == "new"
    assert manifest(new_service, "ServiceAccount", "new")["automountServiceAccountToken"] is False
    assert manifest(new_service, "PodDisruptionBudget", "new")["spec"]["maxUnavailable"] == 1
    assert manifest(new_service, "NetworkPolicy", "new")["spec"]["policyTypes"] == ["Ingress", "Egress"]


def test_no_pod_starts_before_its_nodes_are_there_and_its_policy_holds(new_service: RecordedStack) -> None:
    deployment = new_service.named("new-deployment")
    awaited = {new_service.named("ready").urn, new_service.named("new-network").urn}
    assert awaited <= set(deployment.dependencies)


def test_quantities_are_spelt_as_the_api_server_returns_them(new_service: RecordedStack) -> None:
    resources = pod(new_service, "new")["containers"][0]["resources"]
    assert resources["limits"] == {"memory": "512Mi", "ephemeral-storage": "3Gi"}
    assert resources["requests"] == {"cpu": "250m", **resources["limits"]}


@pytest.mark.parametrize("name", SERVICES)
def test_every_container_is_bounded_and_probed(name: str) -> None:
    for container in pod(SERVICES[name](), name)["containers"]:
        assert {"startupProbe", "readinessProbe", "livenessProbe"} <= container.keys()
        limits, requests = container["resources"]["limits"], container["resources"]["requests"]
        assert limits["memory"] == requests["memory"], "memory is not overcommitted"
        assert "cpu" in requests
        assert "ephemeral-storage" in limits


@pytest.mark.parametrize("name", SERVICES)
def test_every_selector_picks_the_workloads_own_pods(name: str) -> None:
    stack = SERVICES[name]()
    labels = controller(stack, name)["spec"]["template"]["metadata"]["labels"]
    spread = [c["labelSelector"]["matchLabels"] for c in pod(stack, name)["topologySpreadConstraints"]]
    selectors: list[Any] = [
        controller(stack, name)["spec"]["selector"]["matchLabels"],
        manifest(stack, "PodDisruptionBudget", name)["spec"]["selector"]["matchLabels"],
        manifest(stack, "NetworkPolicy", name)["spec"]["podSelector"]["matchLabels"],
        manifest(stack, "Service", name)["spec"]["selector"],
        *spread,
    ]
    for selector in selectors:
        assert selector == {"app.kubernetes.io/name": name, "app.kubernetes.io/instance": "dev-gcp-test"}
        assert selector.items() <= labels.items()


@pytest.mark.parametrize("name", SERVICES)
def test_services_reach_named_container_ports_and_stay_inside_the_cluster(name: str) -> None:
    stack = SERVICES[name]()
    ports = {port["name"] for port in pod(stack, name)["containers"][0]["ports"]}
    spec = manifest(stack, "Service", name)["spec"]
    assert spec["type"] == "ClusterIP"
    assert {port["targetPort"] for port in spec["ports"]} <= ports


@pytest.mark.parametrize("name", SERVICES)
def test_no_secret_is_made_and_none_stands_in_the_environment(name: str) -> None:
    stack = SERVICES[name]()
    assert not stack.of_type("kubernetes:core/v1:Secret")
    for entry in pod(stack, name)["containers"][0]["env"]:
        if entry["name"].endswith(("_KEY", "_KEYS", "_TOKEN", "_PASSWORD", "_USERNAME")):
            assert "secretKeyRef" in entry["valueFrom"], f"{entry['name']} comes from a Secret"


@pytest.mark.parametrize("name", SERVICES)
def test_every_resource_uses_the_clusters_own_provider(name: str) -> None:
    stack = SERVICES[name]()
    provider = stack.named("cluster-kubernetes").urn
    assert {r.provider for r in stack.resources if r.is_manifest} == {provider}


@pytest.mark.parametrize("name", SERVICES)
def test_every_component_tells_its_outputs(name: str) -> None:
    components = [r for r in SERVICES[name]().resources if r.type.startswith("ragspan:services:")]
    assert components
    assert all(component.outputs for component in components)
