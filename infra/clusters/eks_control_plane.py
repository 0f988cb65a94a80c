"""The control plane of an EKS cluster: its role, key, log group, endpoints, and the one role that administers it.

It uses `aws.eks.Cluster`, not `pulumi_eks.Cluster`, which always makes the cluster's creator an administrator too;
docs/decisions/eks-control-plane.md has the details.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from infra.clusters.eks_role import EksRole, EksRoleArgs, trust_service
from infra.config.eks import EksCluster as EksClusterConfig
from infra.naming import EKS_CLUSTER_CHARS, Names, fitted

LOG_RETENTION_DAYS = 90
KEY_DELETION_WINDOW_DAYS = 30
_LOGS = ["api", "audit", "authenticator", "controllerManager", "scheduler"]


@dataclass(frozen=True, kw_only=True)
class EksControlPlaneArgs:
    """The cluster's section of the stack file, and the subnets for its network interfaces."""

    config: EksClusterConfig
    names: Names
    partition: str
    provider: aws.Provider
    subnet_ids: Sequence[pulumi.Input[str]]


class EksControlPlane(pulumi.ComponentResource):
    """The cluster, private unless the stack file names networks that may reach it, and its access entry."""

    cluster: aws.eks.Cluster
    security_group_id: pulumi.Output[str]
    """Created by EKS, which puts every node behind it."""
    administration: aws.eks.AccessPolicyAssociation
    """Nobody has access before this exists, so everything inside the cluster depends on it."""

    def __init__(self, name: str, args: EksControlPlaneArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("ragspan:clusters:EksControlPlane", name, None, opts)
        self._logical = name
        self._args = args
        self._physical = fitted(args.names.cluster, limit=EKS_CLUSTER_CHARS, remedy="shorten the environment")
        self._options = pulumi.ResourceOptions(parent=self, provider=args.provider)

        role = self._create_role()
        key = self._create_key()
        logs = self._create_log_group()
        self.cluster = self._create_cluster(role, key, after=[*role.attachments, logs])
        self.security_group_id = self.cluster.vpc_config.apply(lambda network: network.cluster_security_group_id or "")
        self.administration = self._admit_administrators()
        self.register_outputs({"endpoint": self.cluster.endpoint})

    def _create_role(self) -> EksRole:
        return EksRole(
            f"{self._logical}-role",
            EksRoleArgs(
                role="control-plane",
                trust=trust_service("eks"),
                policies=["AmazonEKSClusterPolicy"],
                partition=self._args.partition,
                names=self._args.names,
                provider=self._args.provider,
            ),
            pulumi.ResourceOptions(parent=self),
        )

    def _create_key(self) -> aws.kms.Key:
        protect = pulumi.ResourceOptions(protect=self._args.config.deletion_protection)
        return aws.kms.Key(
            f"{self._logical}-secrets",
            description=f"Kubernetes Secrets of {self._args.names.stack}",
            enable_key_rotation=True,
            deletion_window_in_days=KEY_DELETION_WINDOW_DAYS,
            opts=pulumi.ResourceOptions.merge(self._options, protect),
        )

    def _create_log_group(self) -> aws.cloudwatch.LogGroup:
        """Create the log group that EKS writes to; otherwise EKS would create one that keeps everything for ever."""
        return aws.cloudwatch.LogGroup(
            f"{self._logical}-logs",
            name=f"/aws/eks/{self._physical}/cluster",
            retention_in_days=LOG_RETENTION_DAYS,
            opts=self._options,
        )

    def _create_cluster(self, role: EksRole, key: aws.kms.Key, after: Sequence[pulumi.Resource]) -> aws.eks.Cluster:
        config = self._args.config
        network: aws.eks.ClusterVpcConfigArgsDict = {
            "subnet_ids": self._args.subnet_ids,
            "endpoint_private_access": True,
            "endpoint_public_access": bool(config.public_access_cidrs),
        }
        if config.public_access_cidrs:
            network["public_access_cidrs"] = config.public_access_cidrs
        return aws.eks.Cluster(
            f"{self._logical}-cluster",
            name=self._physical,
            version=config.kubernetes_minor,
            role_arn=role.arn,
            vpc_config=network,
            access_config={"authentication_mode": "API", "bootstrap_cluster_creator_admin_permissions": False},
            bootstrap_self_managed_addons=False,
            encryption_config={"provider": {"key_arn": key.arn}, "resources": ["secrets"]},
            enabled_cluster_log_types=_LOGS,
            upgrade_policy={"support_type": "STANDARD"},  # EXTENDED costs six times as much for an old minor
            deletion_protection=config.deletion_protection,
            opts=pulumi.ResourceOptions(
                parent=self,
                provider=self._args.provider,
                protect=config.deletion_protection,
                depends_on=after,
            ),
        )

    def _admit_administrators(self) -> aws.eks.AccessPolicyAssociation:
        principal = self._args.config.admin_role_arn
        entry = aws.eks.AccessEntry(
            f"{self._logical}-administrators",
            cluster_name=self.cluster.name,
            principal_arn=principal,
            opts=self._options,
        )
        return aws.eks.AccessPolicyAssociation(
            f"{self._logical}-administration",
            cluster_name=self.cluster.name,
            principal_arn=entry.principal_arn,
            policy_arn=f"arn:{self._args.partition}:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy",
            access_scope={"type": "cluster"},
            opts=self._options,
        )
