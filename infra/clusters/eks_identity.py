"""What the pods of one service account may do at AWS: a role that they alone take on, by EKS Pod Identity."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from infra.clusters.eks_role import EksRole, EksRoleArgs, trust_pods
from infra.naming import Names


@dataclass(frozen=True, kw_only=True)
class EksPodIdentityArgs:
    """`role` says what it is for; `statements` are all that its pods may do."""

    role: str
    namespace: str
    service_account: str
    statements: Sequence[Mapping[str, Any]]
    cluster_name: pulumi.Input[str]
    partition: str
    names: Names
    provider: aws.Provider


class EksPodIdentity(pulumi.ComponentResource):
    """A role, and its association with the service account."""

    ready: list[pulumi.Resource]
    """A pod that starts before these starts without the identity, and keeps going without it."""

    def __init__(self, name: str, args: EksPodIdentityArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("ragspan:clusters:EksPodIdentity", name, None, opts)
        role = EksRole(
            f"{name}-identity",
            EksRoleArgs(
                role=args.role,
                trust=trust_pods(namespace=args.namespace, service_account=args.service_account),
                statements=args.statements,
                partition=args.partition,
                names=args.names,
                provider=args.provider,
            ),
            pulumi.ResourceOptions(parent=self),
        )
        association = aws.eks.PodIdentityAssociation(
            f"{name}-association",
            cluster_name=args.cluster_name,
            namespace=args.namespace,
            service_account=args.service_account,
            role_arn=role.arn,
            opts=pulumi.ResourceOptions(parent=self, provider=args.provider),
        )
        self.ready = [association, *role.attachments]
        self.register_outputs({})
