"""Karpenter: its controller, identity and interruption queue, and the role of the nodes that it starts."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws
import pulumi_kubernetes as k8s

from infra.clusters import scheduling
from infra.clusters.eks_identity import EksPodIdentity, EksPodIdentityArgs
from infra.clusters.eks_karpenter_policy import KarpenterScope, controller_statements
from infra.clusters.eks_queue import EksInterruptionQueue, EksInterruptionQueueArgs
from infra.clusters.eks_role import NODE_POLICIES, EksRole, EksRoleArgs, trust_service
from infra.config.eks import EksCluster as EksClusterConfig
from infra.naming import AWS_INSTANCE_PROFILE_CHARS, AWS_QUEUE_CHARS, AWS_ROLE_CHARS, Names
from infra.versions import VERSIONS

_NAMESPACE = "kube-system"
_REPOSITORY = "oci://public.ecr.aws/karpenter"
_REPLICAS = 2
_NODES = "karpenter-nodes"


@dataclass(frozen=True, kw_only=True)
class EksKarpenterArgs:
    """`after` are the nodes that the controller runs on, and their DNS."""

    config: EksClusterConfig
    names: Names
    partition: str
    provider: aws.Provider
    kubernetes: k8s.Provider
    cluster_name: pulumi.Input[str]
    after: Sequence[pulumi.Resource]


class EksKarpenter(pulumi.ComponentResource):
    """A controller that starts nodes when pods wait, and ends them when they are empty."""

    instance_profile: str
    ready: list[pulumi.Resource]
    """What a NodePool depends on: its kinds exist, the controller runs, and its nodes may join."""

    def __init__(self, name: str, args: EksKarpenterArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("ragspan:clusters:EksKarpenter", name, None, opts)
        self._logical = name
        self._args = args
        self._aws = pulumi.ResourceOptions(parent=self, provider=args.provider)
        self._child = pulumi.ResourceOptions(parent=self)
        self.instance_profile = args.names.of(_NODES, limit=AWS_INSTANCE_PROFILE_CHARS)
        scope = self._scope()
        nodes = self._admit_nodes()
        queue = EksInterruptionQueue(
            f"{name}-notices",
            EksInterruptionQueueArgs(scope=scope, names=args.names, provider=args.provider),
            self._child,
        )
        identity = self._create_identity(scope)
        kinds = self._install("karpenter-crd", {}, after=args.after)
        controller = self._install(
            "karpenter", self._values(scope), after=[*args.after, kinds, *identity.ready, *queue.ready]
        )
        self.ready = [controller, *nodes]
        self.register_outputs({"instance_profile": self.instance_profile})

    def _scope(self) -> KarpenterScope:
        args = self._args
        return KarpenterScope(
            partition=args.partition,
            region=args.config.region,
            account_id=args.config.account_id,
            cluster=args.names.cluster,
            node_role=args.names.of(_NODES, limit=AWS_ROLE_CHARS),
            instance_profile=self.instance_profile,
            queue=args.names.of("karpenter", limit=AWS_QUEUE_CHARS),
        )

    def _admit_nodes(self) -> list[pulumi.Resource]:
        """Create a separate role for nodes: EKS itself creates the access entry of a managed group's role."""
        role = EksRole(
            f"{self._logical}-nodes",
            EksRoleArgs(
                role=_NODES,
                trust=trust_service("ec2"),
                policies=NODE_POLICIES,
                partition=self._args.partition,
                names=self._args.names,
                provider=self._args.provider,
            ),
            self._child,
        )
        profile = aws.iam.InstanceProfile(
            f"{self._logical}-nodes-profile", name=self.instance_profile, role=role.name, opts=self._aws
        )
        entry = aws.eks.AccessEntry(
            f"{self._logical}-nodes-entry",
            cluster_name=self._args.cluster_name,
            principal_arn=role.arn,
            type="EC2_LINUX",
            opts=self._aws,
        )
        return [profile, entry, *role.attachments]

    def _create_identity(self, scope: KarpenterScope) -> EksPodIdentity:
        return EksPodIdentity(
            f"{self._logical}-controller",
            EksPodIdentityArgs(
                role="karpenter",
                namespace=_NAMESPACE,
                service_account="karpenter",
                statements=controller_statements(scope),
                cluster_name=self._args.cluster_name,
                partition=self._args.partition,
                names=self._args.names,
                provider=self._args.provider,
            ),
            self._child,
        )

    def _values(self, scope: KarpenterScope) -> dict[str, object]:
        system = scheduling.system_pool(self._args.config.pools)
        nodes = sum(entry.min_nodes for entry in system.capacity)
        return {
            # Replicas never share a node, so on a single node a second one would wait for ever.
            "replicas": max(1, min(_REPLICAS, nodes)),
            "serviceAccount": {"name": "karpenter"},
            "settings": {"clusterName": scope.cluster, "interruptionQueue": scope.queue},
            "controller": {
                "resources": {"requests": {"cpu": "500m", "memory": "1Gi"}, "limits": {"memory": "1Gi"}},
            },
            "nodeSelector": {"kubernetes.io/os": "linux", **scheduling.node_labels(system)},
        }

    def _install(self, chart: str, values: dict[str, object], after: Sequence[pulumi.Resource]) -> k8s.helm.v3.Release:
        return k8s.helm.v3.Release(
            f"{self._logical}-{chart}",
            name=chart,
            chart=f"{_REPOSITORY}/{chart}",
            version=VERSIONS.karpenter_chart,
            namespace=_NAMESPACE,
            values=values,
            skip_crds=True,
            atomic=True,
            opts=pulumi.ResourceOptions(parent=self, provider=self._args.kubernetes, depends_on=after),
        )
