"""The EFS file system for volumes that many pods write to, accessible only from the cluster's nodes and over TLS."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from infra.clusters.eks_role import policy_document
from infra.naming import AWS_TAG_CHARS, Names

_NFS = 2049
_CLIENTS = [f"elasticfilesystem:Client{verb}" for verb in ("Mount", "RootAccess", "Write")]
"""Permissions of every client; the driver creates and removes each volume's folder as root."""


@dataclass(frozen=True, kw_only=True)
class EksSharedVolumesArgs:
    """`clients` is the nodes' security group; `subnet_ids` has one subnet per zone, in the order of `zones`."""

    names: Names
    provider: aws.Provider
    zones: Sequence[str]
    vpc_id: pulumi.Input[str]
    subnet_ids: Sequence[pulumi.Input[str]]
    clients: pulumi.Input[str]


class EksSharedVolumes(pulumi.ComponentResource):
    """An encrypted, elastic file system with a mount target in every zone."""

    file_system_id: pulumi.Output[str]
    ready: list[pulumi.Resource]
    """Without these no volume can be mounted, and no folder created for one."""

    def __init__(self, name: str, args: EksSharedVolumesArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("ragspan:clusters:EksSharedVolumes", name, None, opts)
        self._logical = name
        self._args = args
        self._options = pulumi.ResourceOptions(parent=self, provider=args.provider)
        files = aws.efs.FileSystem(
            f"{name}-files", encrypted=True, throughput_mode="elastic", tags=self._tags("volumes"), opts=self._options
        )
        group = self._create_security_group()
        targets = [
            aws.efs.MountTarget(
                f"{name}-{zone}",
                file_system_id=files.id,
                subnet_id=subnet,
                security_groups=[group.id],
                opts=self._options,
            )
            for zone, subnet in zip(args.zones, args.subnet_ids, strict=True)
        ]
        policy = aws.efs.FileSystemPolicy(
            f"{name}-policy",
            file_system_id=files.id,
            policy=policy_document(_statements()),
            opts=self._options,
        )
        self.file_system_id = files.id
        self.ready = [*targets, policy]
        self.register_outputs({"file_system_id": self.file_system_id})

    def _tags(self, role: str) -> dict[str, str]:
        return {"Name": self._args.names.of(role, limit=AWS_TAG_CHARS)}

    def _create_security_group(self) -> aws.ec2.SecurityGroup:
        return aws.ec2.SecurityGroup(
            f"{self._logical}-clients",
            vpc_id=self._args.vpc_id,
            description="NFS from the cluster's nodes to its shared volumes",
            ingress=[
                {
                    "protocol": "tcp",
                    "from_port": _NFS,
                    "to_port": _NFS,
                    "security_groups": [self._args.clients],
                    "description": "NFS from nodes",
                }
            ],
            tags=self._tags("volumes"),
            opts=self._options,
        )


def _statements() -> list[dict[str, object]]:
    """Allow access through a mount target and only over TLS; the security group decides who can connect.

    A file system policy needs no resource: https://docs.aws.amazon.com/efs/latest/ug/iam-access-control-nfs-efs.html
    """
    return [
        {
            "Sid": "ThroughMountTargets",
            "Effect": "Allow",
            "Principal": {"AWS": "*"},
            "Action": _CLIENTS,
            "Condition": {"Bool": {"elasticfilesystem:AccessedViaMountTarget": "true"}},
        },
        {
            "Sid": "NeverInTheClear",
            "Effect": "Deny",
            "Principal": {"AWS": "*"},
            "Action": "elasticfilesystem:*",
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        },
    ]
