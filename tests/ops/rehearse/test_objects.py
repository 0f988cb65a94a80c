"""What is applied: every object after what it depends on, and nothing unknown or secret passed off as known."""

import base64
from typing import Any

import pulumi
import pulumi_kubernetes as k8s
import pytest

from ops.plan.graph import Manifest, RecordedStack
from ops.rehearse.charts import NAMESPACE, reservations
from ops.rehearse.objects import Substitution, applicable, in_order, label, secrets_named
from tests.support.recording import recorded
from tests.support.stacks import NAMES, planned


@pytest.mark.parametrize("name", NAMES)
def test_namespaces_and_accounts_come_before_the_pods_that_need_them(name: str) -> None:
    order = [label(manifest) for manifest in in_order(planned(name))]
    assert order.index("Namespace ragspan") < order.index("ServiceAccount ragspan/weaviate")
    assert order.index("ServiceAccount ragspan/weaviate") < order.index("StatefulSet ragspan/weaviate")


@pytest.mark.parametrize("name", NAMES)
def test_every_object_of_the_plan_is_applied_once(name: str) -> None:
    assert sorted(map(label, in_order(planned(name)))) == sorted(map(label, planned(name).manifests()))


def test_a_secret_value_becomes_a_stand_in_that_a_secret_takes_and_is_told() -> None:
    def program() -> None:
        k8s.core.v1.Secret("keys", metadata={"name": "keys"}, data={"key": "aGlkZGVu"}, string_data={"other": "hidden"})

    body, found = applicable(recorded(program).manifests()[0])
    assert "hidden" not in str(body)
    assert body["data"] == body["stringData"] == {}
    assert Substitution(object="Secret keys", field="data", found="<secret>") in found


def test_a_secret_key_becomes_bytes_that_a_secret_takes() -> None:
    body = {"apiVersion": "v1", "kind": "Secret", "data": {"key": "<secret>"}, "stringData": {"key": "<secret>"}}
    applied, _ = applicable(Manifest(urn="", kind="Secret", namespace="", name="keys", body=body))
    assert base64.b64decode(applied["data"]["key"]) == b"rehearsal"
    assert applied["stringData"] == {"key": "rehearsal"}


def test_what_only_the_cloud_knows_becomes_a_stand_in_and_is_told() -> None:
    def program() -> None:
        account = k8s.core.v1.ServiceAccount("account").metadata.apply(lambda metadata: str(metadata.name))
        k8s.core.v1.ConfigMap("map", metadata={"name": "map"}, data={"of": pulumi.Output.concat("id-", account)})

    manifest = next(manifest for manifest in recorded(program).manifests() if manifest.kind == "ConfigMap")
    body, found = applicable(manifest)
    assert body["data"]["of"] == "rehearsal"
    assert [(one.field, one.found) for one in found] == [("data.of", "<computed>")]


def test_secrets_that_pods_name_are_found_with_their_keys() -> None:
    assert secrets_named(planned("local").manifests()) == {
        ("ragspan", "ragspan-api"): {"keys"},
        ("ragspan", "ragspan-sessions"): {"secret"},
        ("ragspan", "weaviate"): {"api-key"},
        ("ragspan", "weaviate-cluster"): {"username", "password"},
    }


def chart(values: dict[str, Any]) -> RecordedStack:
    return recorded(lambda: k8s.helm.v3.Release("operator", chart="operator", values=values))


def test_a_chart_takes_the_room_that_its_values_declare() -> None:
    parts = {"controller": {"resources": {"requests": {"cpu": "1"}}}, "replicas": 2, "nodeSelector": {"a": "b"}}
    namespace, deployment = reservations(chart(parts))
    assert namespace["metadata"]["name"] == deployment["metadata"]["namespace"] == NAMESPACE
    assert deployment["spec"]["replicas"] == 2
    pod = deployment["spec"]["template"]["spec"]
    assert pod["nodeSelector"] == {"a": "b"}
    assert [container["resources"]["requests"] for container in pod["containers"]] == [{"cpu": "1"}]


def test_a_chart_that_declares_nothing_takes_no_room() -> None:
    assert reservations(chart({"installCRDs": True})) == []
