"""The namespace admits restricted pods only, and nothing in it may talk until a policy allows it."""

import pytest

from infra.naming import Names
from infra.services.namespace import Namespace, NamespaceArgs
from ops.plan.graph import RecordedStack
from tests.infra.services.samples import SampleCluster, manifest
from tests.support.recording import recorded


def namespace(*, protect: bool = False) -> RecordedStack:
    names = Names(stack="dev-gcp-test", environment="dev")
    return recorded(lambda: Namespace("ns", NamespaceArgs(cluster=SampleCluster(), names=names, protect=protect)))


def test_only_restricted_pods_are_admitted() -> None:
    labels = manifest(namespace(), "Namespace", "ragspan")["metadata"]["labels"]
    for mode in ("enforce", "audit", "warn"):
        assert labels[f"pod-security.kubernetes.io/{mode}"] == "restricted"
        assert labels[f"pod-security.kubernetes.io/{mode}-version"] == "latest"


def test_nothing_is_allowed_by_default() -> None:
    spec = manifest(namespace(), "NetworkPolicy", "default-deny")["spec"]
    assert spec == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}


def test_every_pod_may_resolve_names_and_reach_nothing_else() -> None:
    spec = manifest(namespace(), "NetworkPolicy", "dns")["spec"]
    assert spec["policyTypes"] == ["Egress"]
    (rule,) = spec["egress"]
    assert rule["ports"] == [{"port": 53, "protocol": "UDP"}, {"port": 53, "protocol": "TCP"}]
    cluster_dns, *on_node = rule["to"]
    assert cluster_dns["namespaceSelector"]["matchLabels"] == {"kubernetes.io/metadata.name": "kube-system"}
    assert cluster_dns["podSelector"]["matchLabels"] == {"k8s-app": "kube-dns"}
    assert [peer["ipBlock"]["cidr"] for peer in on_node] == ["169.254.20.10/32", "169.254.169.254/32"]


@pytest.mark.parametrize("protect", [True, False])
def test_the_index_is_protected_with_its_namespace(protect: bool) -> None:
    assert namespace(protect=protect).named("ns-namespace").options.get("protect", False) is protect
