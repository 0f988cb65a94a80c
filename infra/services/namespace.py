"""The namespace of a stack: Pod Security `restricted`, and no traffic except what a policy allows."""

from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as k8s

from infra.contracts import KubernetesCluster
from infra.naming import PROJECT, Names

DNS_PORT = 53
DNS_ADDRESSES = ("169.254.20.10/32", "169.254.169.254/32")
"""Resolvers that no pod selector can name: NodeLocal DNSCache, and the node's metadata server where GKE uses Cloud DNS
(https://docs.cloud.google.com/kubernetes-engine/docs/how-to/nodelocal-dns-cache). Only its port 53 is opened, so its
credentials stay out of reach."""

POD_SECURITY = "pod-security.kubernetes.io"


@dataclass(frozen=True, kw_only=True)
class NamespaceArgs:
    """With `protect`, the namespace and the index in it cannot be deleted until it is set to false and applied."""

    cluster: KubernetesCluster
    names: Names
    protect: bool


class Namespace(pulumi.ComponentResource):
    """A namespace whose pods must be restricted, and may initially reach nothing but DNS.

    Deliberately absent: quotas, which would repeat the limits that every workload already has.
    """

    namespace: pulumi.Output[str]
    """The namespace's name, known once it exists."""

    def __init__(self, name: str, args: NamespaceArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("ragspan:services:Namespace", name, None, opts)
        self._provider = args.cluster.provider
        self._labels = args.names.labels(PROJECT, component="namespace")
        namespace = k8s.core.v1.Namespace(
            f"{name}-namespace",
            metadata=k8s.meta.v1.ObjectMetaArgs(name=PROJECT, labels={**self._labels, **_restricted()}),
            opts=pulumi.ResourceOptions(parent=self, provider=self._provider, protect=args.protect or None),
        )
        self.namespace = namespace.metadata.apply(lambda metadata: str(metadata.name))
        self._allow(f"{name}-default-deny", "default-deny", "Ingress", "Egress")
        self._allow(f"{name}-dns", "dns", "Egress", egress=[_dns()])
        self.register_outputs({"namespace": self.namespace})

    def _allow(
        self,
        name: str,
        role: str,
        *directions: str,
        egress: list[k8s.networking.v1.NetworkPolicyEgressRuleArgs] | None = None,
    ) -> None:
        """Add a policy for all pods: in the given directions, only what it lists is allowed."""
        k8s.networking.v1.NetworkPolicy(
            name,
            metadata=k8s.meta.v1.ObjectMetaArgs(name=role, namespace=self.namespace, labels=self._labels),
            spec=k8s.networking.v1.NetworkPolicySpecArgs(
                pod_selector=k8s.meta.v1.LabelSelectorArgs(), policy_types=list(directions), egress=egress
            ),
            opts=pulumi.ResourceOptions(parent=self, provider=self._provider),
        )


def _restricted() -> dict[str, str]:
    """Return the admission labels. The version is `latest`, so that the standard follows the cluster's version."""
    modes = ("enforce", "audit", "warn")
    return {f"{POD_SECURITY}/{mode}{key}": value for mode in modes for key, value in _LEVEL.items()}


_LEVEL = {"": "restricted", "-version": "latest"}


def _dns() -> k8s.networking.v1.NetworkPolicyEgressRuleArgs:
    cluster_dns = k8s.networking.v1.NetworkPolicyPeerArgs(
        namespace_selector=k8s.meta.v1.LabelSelectorArgs(match_labels={"kubernetes.io/metadata.name": "kube-system"}),
        pod_selector=k8s.meta.v1.LabelSelectorArgs(match_labels={"k8s-app": "kube-dns"}),
    )
    on_node = [
        k8s.networking.v1.NetworkPolicyPeerArgs(ip_block=k8s.networking.v1.IPBlockArgs(cidr=cidr))
        for cidr in DNS_ADDRESSES
    ]
    return k8s.networking.v1.NetworkPolicyEgressRuleArgs(
        to=[cluster_dns, *on_node],
        ports=[k8s.networking.v1.NetworkPolicyPortArgs(port=DNS_PORT, protocol=p) for p in ("UDP", "TCP")],
    )
