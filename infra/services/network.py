"""Network policies of workloads. They allow clients by label, replicas among themselves, named services,
nothing else.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi_kubernetes as k8s

from infra.contracts import Callee, InNamespace, Outside, Peer

SCRAPER_LABELS = {"ragspan.dev/scrapes-metrics": "true"}
"""Labels of the pods, in any namespace, that collect metrics."""

NOT_INTERNET = ("10.0.0.0/8", "100.64.0.0/10", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16")
"""Private, shared and link-local addresses (RFC 1918, 6598, 3927): other tenants, nodes and the metadata server."""

HTTPS_PORT = 443


@dataclass(frozen=True, kw_only=True)
class ReplicaPort:
    """A port that replicas of a workload use among themselves."""

    port: int
    protocol: str = "TCP"


@dataclass(frozen=True, kw_only=True)
class Access:
    """Who may connect to a workload, and whether it may connect to the internet (HTTPS only).

    `metrics_port` is None if there is nothing to scrape.
    """

    accepts: Peer
    from_any_namespace: bool = False
    metrics_port: int | None
    among_replicas: Sequence[ReplicaPort] = ()
    internet: bool = False


def network_policy(
    selector: Mapping[str, str], access: Access, calls: Sequence[Callee]
) -> k8s.networking.v1.NetworkPolicySpecArgs:
    """Return a policy that allows the selected pods what `access` and `calls` name, and denies all else both ways."""
    replicas = _pods(selector)
    among = [_port(port.port, port.protocol) for port in access.among_replicas]
    ingress = [
        _from(_pods(access.accepts.client_labels, any_namespace=access.from_any_namespace), access.accepts.ports),
    ]
    if access.metrics_port:
        ingress.append(_from(_pods(SCRAPER_LABELS, any_namespace=True), (access.metrics_port,)))
    egress = [_to_server(callee) for callee in calls]
    if among:
        ingress.append(k8s.networking.v1.NetworkPolicyIngressRuleArgs(from_=[replicas], ports=among))
        egress.append(k8s.networking.v1.NetworkPolicyEgressRuleArgs(to=[replicas], ports=among))
    if access.internet:
        egress.append(_to(_network("0.0.0.0/0", NOT_INTERNET), (HTTPS_PORT,)))
    return k8s.networking.v1.NetworkPolicySpecArgs(
        pod_selector=k8s.meta.v1.LabelSelectorArgs(match_labels=dict(selector)),
        policy_types=["Ingress", "Egress"],
        ingress=ingress,
        egress=egress,
    )


def _pods(labels: Mapping[str, str], *, any_namespace: bool = False) -> k8s.networking.v1.NetworkPolicyPeerArgs:
    return k8s.networking.v1.NetworkPolicyPeerArgs(
        pod_selector=k8s.meta.v1.LabelSelectorArgs(match_labels=dict(labels)),
        namespace_selector=k8s.meta.v1.LabelSelectorArgs() if any_namespace else None,
    )


def _namespace(name: str) -> k8s.networking.v1.NetworkPolicyPeerArgs:
    labels = {"kubernetes.io/metadata.name": name}  # set on every namespace by the API server
    return k8s.networking.v1.NetworkPolicyPeerArgs(
        namespace_selector=k8s.meta.v1.LabelSelectorArgs(match_labels=labels)
    )


def _network(cidr: str, but: Sequence[str] = ()) -> k8s.networking.v1.NetworkPolicyPeerArgs:
    block = k8s.networking.v1.IPBlockArgs(cidr=cidr, except_=list(but) or None)
    return k8s.networking.v1.NetworkPolicyPeerArgs(ip_block=block)


def _from(
    peer: k8s.networking.v1.NetworkPolicyPeerArgs, ports: Sequence[int]
) -> k8s.networking.v1.NetworkPolicyIngressRuleArgs:
    return k8s.networking.v1.NetworkPolicyIngressRuleArgs(from_=[peer], ports=[_port(port) for port in ports])


def _to_server(server: Callee) -> k8s.networking.v1.NetworkPolicyEgressRuleArgs:
    match server:
        case Peer():
            return _to(_pods(server.pod_labels), server.ports)
        case Outside():
            return _to(_network(server.cidr), (server.port,))
        case InNamespace():
            return _to(_namespace(server.namespace), (server.port,))


def _to(
    peer: k8s.networking.v1.NetworkPolicyPeerArgs, ports: Sequence[int]
) -> k8s.networking.v1.NetworkPolicyEgressRuleArgs:
    return k8s.networking.v1.NetworkPolicyEgressRuleArgs(to=[peer], ports=[_port(port) for port in ports])


def _port(port: int, protocol: str = "TCP") -> k8s.networking.v1.NetworkPolicyPortArgs:
    return k8s.networking.v1.NetworkPolicyPortArgs(port=port, protocol=protocol)
