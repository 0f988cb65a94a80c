"""An add-on that EKS installs and manages at a pinned version, with its own role if it calls AWS."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pulumi
import pulumi_aws as aws

from infra.clusters.eks_role import EksRole, EksRoleArgs, trust_pods
from infra.naming import Names

_NAMESPACE = "kube-system"


@dataclass(frozen=True, kw_only=True)
class AddonIdentity:
    """The service account of an add-on's pods, and the managed policy that they need."""

    role: str
    service_account: str
    policy: str


@dataclass(frozen=True, kw_only=True)
class EksAddonArgs:
    """`addon` is the add-on's name in EKS; `configuration` is what differs from its defaults."""

    addon: str
    version: str
    cluster_name: pulumi.Input[str]
    partition: str
    names: Names
    provider: aws.Provider
    configuration: Mapping[str, Any] = field(default_factory=dict[str, Any])
    identity: AddonIdentity | None = None
    after: Sequence[pulumi.Resource] = ()


class EksAddon(pulumi.ComponentResource):
    """One add-on, with its role by EKS Pod Identity."""

    addon: aws.eks.Addon

    def __init__(self, name: str, args: EksAddonArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("ragspan:clusters:EksAddon", name, None, opts)
        role = self._create_role(name, args, args.identity) if args.identity else None
        self.addon = aws.eks.Addon(
            f"{name}-addon",
            cluster_name=args.cluster_name,
            addon_name=args.addon,
            addon_version=args.version,
            configuration_values=json.dumps(args.configuration, sort_keys=True) if args.configuration else None,
            pod_identity_associations=[{"service_account": args.identity.service_account, "role_arn": role.arn}]
            if args.identity and role
            else None,
            resolve_conflicts_on_create="OVERWRITE",
            resolve_conflicts_on_update="OVERWRITE",
            opts=pulumi.ResourceOptions(
                parent=self, provider=args.provider, depends_on=[*args.after, *(role.attachments if role else [])]
            ),
        )
        self.register_outputs({"arn": self.addon.arn})

    def _create_role(self, name: str, args: EksAddonArgs, identity: AddonIdentity) -> EksRole:
        trust = trust_pods(namespace=_NAMESPACE, service_account=identity.service_account)
        return EksRole(
            f"{name}-identity",
            EksRoleArgs(
                role=identity.role,
                trust=trust,
                policies=[identity.policy],
                partition=args.partition,
                names=args.names,
                provider=args.provider,
            ),
            pulumi.ResourceOptions(parent=self),
        )
