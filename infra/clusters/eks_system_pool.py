"""The system pool of an EKS cluster: managed node groups on Bottlerocket, one for each capacity entry.

It runs Karpenter, which starts every other node, so it cannot belong to Karpenter. A group stays at `min_nodes`;
Karpenter provides what the pool grows beyond that.
"""

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from infra.clusters import scheduling
from infra.clusters.eks_bottlerocket import MAX_PODS
from infra.config.eks import EksCluster as EksClusterConfig
from infra.config.pools import Capacity, CpuPool
from infra.naming import AWS_LAUNCH_TEMPLATE_CHARS, EKS_NODE_GROUP_PREFIX_CHARS, Names, pool_name


@dataclass(frozen=True, kw_only=True)
class EksSystemPoolArgs:
    """The pool comes from the cluster's config; `after` must exist before a node can start."""

    config: EksClusterConfig
    names: Names
    provider: aws.Provider
    cluster_name: pulumi.Input[str]
    role_arn: pulumi.Input[str]
    subnet_ids: Sequence[pulumi.Input[str]]
    after: Sequence[pulumi.Resource]


class EksSystemPool(pulumi.ComponentResource):
    """Node groups, each with its launch template."""

    groups: list[aws.eks.NodeGroup]

    def __init__(self, name: str, args: EksSystemPoolArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("ragspan:clusters:EksSystemPool", name, None, opts)
        self._logical = name
        self._args = args
        pool = scheduling.system_pool(args.config.pools)
        self.groups = [self._create(pool, entry) for entry in pool.capacity]
        self.register_outputs({"groups": [group.node_group_name for group in self.groups]})

    def _create(self, pool: CpuPool, entry: Capacity) -> aws.eks.NodeGroup:
        args = self._args
        name = pool_name(pool.name, entry.kind, limit=EKS_NODE_GROUP_PREFIX_CHARS)
        template = self._create_template(name, pool)
        return aws.eks.NodeGroup(
            f"{self._logical}-{name}",
            # A prefix, so that a group's replacement can exist before the old one is drained.
            node_group_name_prefix=f"{name}-",
            cluster_name=args.cluster_name,
            version=args.config.kubernetes_minor,
            node_role_arn=args.role_arn,
            subnet_ids=args.subnet_ids,
            ami_type="BOTTLEROCKET_x86_64",
            instance_types=[pool.machine_type],
            capacity_type="ON_DEMAND",
            scaling_config={
                "min_size": entry.min_nodes,
                "max_size": entry.min_nodes,
                "desired_size": entry.min_nodes,
            },
            labels=scheduling.node_labels(pool),
            launch_template={"id": template.id, "version": template.latest_version.apply(str)},
            update_config={"max_unavailable": 1},
            node_repair_config={"enabled": True},
            opts=pulumi.ResourceOptions(parent=self, provider=args.provider, depends_on=args.after),
        )

    def _create_template(self, name: str, pool: CpuPool) -> aws.ec2.LaunchTemplate:
        tags = self._args.names.cloud_labels
        disk: aws.ec2.LaunchTemplateBlockDeviceMappingEbsArgsDict = {
            "volume_type": "gp3",
            "encrypted": "true",
            "delete_on_termination": "true",
        }
        return aws.ec2.LaunchTemplate(
            f"{self._logical}-{name}",
            name=self._args.names.of(name, limit=AWS_LAUNCH_TEMPLATE_CHARS),
            # Bottlerocket keeps itself on xvda; images and containers fill xvdb, which a node group's own disk size
            # leaves at 20 GiB: https://github.com/bottlerocket-os/bottlerocket/issues/1604
            block_device_mappings=[
                {"device_name": "/dev/xvda", "ebs": disk},
                {"device_name": "/dev/xvdb", "ebs": {**disk, "volume_size": pool.disk_size_gb}},
            ],
            # One hop: the node itself reaches its credentials, pods on their own network do not.
            metadata_options={"http_endpoint": "enabled", "http_tokens": "required", "http_put_response_hop_limit": 1},
            user_data=b64encode(f"[settings.kubernetes]\nmax-pods = {MAX_PODS}\n".encode()).decode(),
            tag_specifications=[
                {"resource_type": "instance", "tags": tags},
                {"resource_type": "volume", "tags": tags},
            ],
            opts=pulumi.ResourceOptions(parent=self, provider=self._args.provider),
        )
