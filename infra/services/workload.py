"""The objects around a workload's pods. Creating a Workload creates its service account, disruption budget and network
policy, so that no service can forget them; the service then creates a Deployment or its own controller from `template`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import pulumi
import pulumi_kubernetes as k8s

from infra.contracts import KubernetesCluster, Peer
from infra.naming import Names
from infra.services.network import Access, network_policy
from infra.services.pods import PodSpec, pod_template

SCHEDULING_S = 900
"""Time to add a node and pull an image of some 10 GB before a pod can start."""


@dataclass(frozen=True, kw_only=True)
class Site:
    """Where workloads run: one namespace of one cluster."""

    cluster: KubernetesCluster
    namespace: pulumi.Input[str]
    names: Names

    def address(self, service: str) -> pulumi.Output[str]:
        """Return the DNS name of a Service, which is valid whatever the cluster's domain."""
        return pulumi.Output.concat(service, ".", self.namespace, ".svc")


class Workload:
    """The objects of one workload, as children of the component `parent`."""

    def __init__(
        self, name: str, *, parent: pulumi.ComponentResource, site: Site, spec: PodSpec, access: Access
    ) -> None:
        self._name, self._parent, self._site, self._spec = name, parent, site, spec
        self.selector = site.names.selector(spec.name)
        self.labels = site.names.labels(spec.name, component=spec.component)
        self._account = k8s.core.v1.ServiceAccount(
            f"{name}-account",
            metadata=self.metadata(),
            automount_service_account_token=False,
            opts=self.child(),
        )
        self._policy = k8s.networking.v1.NetworkPolicy(
            f"{name}-network",
            metadata=self.metadata(),
            spec=network_policy(self.selector, access, spec.calls),
            opts=self.child(),
        )
        self._create_disruption_budget()

    def child(
        self,
        *,
        depends_on: Sequence[pulumi.Resource] = (),
        protect: bool = False,
        timeout_s: int | None = None,
    ) -> pulumi.ResourceOptions:
        """Return the options of a child; `timeout_s` limits how long a deployment waits for it to become ready."""
        timeouts = pulumi.CustomTimeouts(create=f"{timeout_s}s", update=f"{timeout_s}s") if timeout_s else None
        return pulumi.ResourceOptions(
            parent=self._parent,
            provider=self._site.cluster.provider,
            depends_on=list(depends_on) or None,
            protect=protect or None,
            custom_timeouts=timeouts,
        )

    def metadata(self, name: str | None = None) -> k8s.meta.v1.ObjectMetaArgs:
        """Return metadata for an object of this workload, named after the workload by default."""
        return k8s.meta.v1.ObjectMetaArgs(
            name=name or self._spec.name, namespace=self._site.namespace, labels=self.labels
        )

    @cached_property
    def template(self) -> k8s.core.v1.PodTemplateSpecArgs:
        """The restricted pod."""
        account = self._account.metadata.apply(lambda metadata: str(metadata.name))
        return pod_template(self._spec, labels=self.labels, selector=self.selector, account=account)

    @cached_property
    def before_pods(self) -> Sequence[pulumi.Resource]:
        """What a controller depends on: no pod starts before its nodes exist and its policy applies."""
        return (*self._site.cluster.ready, self._policy)

    def start_timeout_s(self, replicas: int) -> int:
        """Return how long `replicas` pods may take to become ready, one after the other."""
        startup = self._spec.startup
        return SCHEDULING_S + replicas * (startup.period_s * startup.failures + self._spec.grace_s)

    def create_deployment(self, *, replicas: int, max_surge: int, max_unavailable: int) -> k8s.apps.v1.Deployment:
        """Create a Deployment of interchangeable replicas, updated a few at a time."""
        startup = self._spec.startup
        rolling = k8s.apps.v1.RollingUpdateDeploymentArgs(max_surge=max_surge, max_unavailable=max_unavailable)
        return k8s.apps.v1.Deployment(
            f"{self._name}-deployment",
            metadata=self.metadata(),
            spec=k8s.apps.v1.DeploymentSpecArgs(
                replicas=replicas,
                progress_deadline_seconds=SCHEDULING_S + startup.period_s * startup.failures,
                selector=k8s.meta.v1.LabelSelectorArgs(match_labels=self.selector),
                strategy=k8s.apps.v1.DeploymentStrategyArgs(type="RollingUpdate", rolling_update=rolling),
                template=self.template,
            ),
            opts=self.child(depends_on=self.before_pods, timeout_s=self.start_timeout_s(replicas)),
        )

    def create_service(self, ports: Mapping[str, int]) -> k8s.core.v1.Service:
        """Create the workload's Service; each port has the name of the container port behind it."""
        return k8s.core.v1.Service(
            f"{self._name}-service",
            metadata=self.metadata(),
            spec=k8s.core.v1.ServiceSpecArgs(
                type="ClusterIP",
                selector=self.selector,
                ports=[k8s.core.v1.ServicePortArgs(name=n, port=port, target_port=n) for n, port in ports.items()],
            ),
            opts=self.child(),
        )

    def _create_disruption_budget(self) -> None:
        """Let a drain evict one replica at a time, and never be blocked by a replica that is not ready."""
        k8s.policy.v1.PodDisruptionBudget(
            f"{self._name}-disruptions",
            metadata=self.metadata(),
            spec=k8s.policy.v1.PodDisruptionBudgetSpecArgs(
                max_unavailable=1,
                unhealthy_pod_eviction_policy="AlwaysAllow",
                selector=k8s.meta.v1.LabelSelectorArgs(match_labels=self.selector),
            ),
            opts=self.child(),
        )


def peer(name: str, site: Site, *ports: int) -> Peer:
    """Return how clients connect to the workload `name`: they carry a label named after it."""
    return Peer(
        pod_labels=site.names.selector(name), ports=ports, client_labels={f"ragspan.dev/client-of-{name}": "true"}
    )
