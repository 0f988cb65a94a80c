"""AWS permissions for the pods of one service account: a role that only they can assume, by EKS Pod Identity."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from infra.clusters.eks_role import EksRole, EksRoleArgs, trust_pods
from infra.contracts import Identity
from infra.naming import Names


@dataclass(frozen=True, kw_only=True)
class EksPodIdentityArgs:
    """`role` is the identity's purpose; `statements` are its initial permissions."""

    role: str
    namespace: str
    service_account: str
    statements: Sequence[Mapping[str, Any]] = ()
    cluster_name: pulumi.Input[str]
    partition: str
    names: Names
    provider: aws.Provider


class EksPodIdentity(pulumi.ComponentResource):
    """A role and its association with the service account."""

    name: pulumi.Output[str]
    """Name of the role."""
    ready: list[pulumi.Resource]
    """A pod that starts before these exist runs without the identity, and stays without it."""

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
        self.name = role.name
        self.ready = [association, *role.attachments]
        self.register_outputs({})


class EksIdentities:
    """Creates a role for each service account when it is first granted something.

    A service account has exactly one role, so all grants of several buckets must meet there.
    """

    def __init__(
        self,
        logical: str,
        *,
        cluster_name: pulumi.Input[str],
        partition: str,
        names: Names,
        provider: aws.Provider,
        parent: pulumi.Resource,
    ) -> None:
        self._logical = logical
        self._cluster_name = cluster_name
        self._partition = partition
        self._names = names
        self._provider = provider
        self._parent = parent
        self._made: dict[Identity, EksPodIdentity] = {}

    def of(self, identity: Identity) -> EksPodIdentity:
        """Return the identity's only role."""
        if identity not in self._made:
            role = f"{identity.namespace}-{identity.service_account}"
            self._made[identity] = EksPodIdentity(
                f"{self._logical}-{role}",
                EksPodIdentityArgs(
                    role=role,
                    namespace=identity.namespace,
                    service_account=identity.service_account,
                    cluster_name=self._cluster_name,
                    partition=self._partition,
                    names=self._names,
                    provider=self._provider,
                ),
                pulumi.ResourceOptions(parent=self._parent),
            )
        return self._made[identity]
