"""The managed node groups of an EKS cluster: one for each capacity entry of each configured pool, on Bottlerocket.

Nothing scales them here yet: a group starts with `min_nodes`, and whoever changes its size later, a person or an
autoscaler, keeps the say over it. Bottlerocket's NVIDIA variant brings driver and device plugin along.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from infra.clusters import scheduling
from infra.config.cluster import EksCluster as EksClusterConfig
from infra.config.pools import Capacity, NodePool
from infra.naming import AWS_LAUNCH_TEMPLATE_CHARS, EKS_NODE_GROUP_PREFIX_CHARS, Names, pool_name

_IMAGES = {"cpu": "BOTTLEROCKET_x86_64", "gpu": "BOTTLEROCKET_x86_64_NVIDIA"}
_CAPACITY = {"on_demand": "ON_DEMAND", "spot": "SPOT"}


@dataclass(frozen=True, kw_only=True)
class EksNodePoolsArgs:
    """The pools come from the cluster's config; `after` must exist before a node can start."""

    config: EksClusterConfig
    names: Names
    provider: aws.Provider
    cluster_name: pulumi.Input[str]
    role_arn: pulumi.Input[str]
    subnet_ids: Sequence[pulumi.Input[str]]
    after: Sequence[pulumi.Resource]


class EksNodePools(pulumi.ComponentResource):
    """Every node group with its launch template, the system pool's first."""

    system: list[aws.eks.NodeGroup]
    pools: list[aws.eks.NodeGroup]

    def __init__(self, name: str, args: EksNodePoolsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("ragspan:clusters:EksNodePools", name, None, opts)
        self._logical = name
        self._args = args
        system = scheduling.system_pool(args.config.pools)
        self.system = [self._create(system, entry, args.after) for entry in system.capacity]
        others = [pool for pool in args.config.pools if pool is not system]
        rest = [self._create(pool, entry, [*args.after, *self.system]) for pool in others for entry in pool.capacity]
        self.pools = [*self.system, *rest]
        self.register_outputs({"pools": [pool.node_group_name for pool in self.pools]})

    def _create(self, pool: NodePool, entry: Capacity, after: Sequence[pulumi.Resource]) -> aws.eks.NodeGroup:
        args = self._args
        name = pool_name(pool.name, entry.kind, limit=EKS_NODE_GROUP_PREFIX_CHARS)
        template = self._create_template(name, pool)
        return aws.eks.NodeGroup(
            f"{self._logical}-{name}",
            # A prefix, so that a group that must be replaced stands before the old one is drained.
            node_group_name_prefix=f"{name}-",
            cluster_name=args.cluster_name,
            version=args.config.kubernetes_minor,
            node_role_arn=args.role_arn,
            subnet_ids=args.subnet_ids,
            ami_type=_IMAGES[pool.kind],
            instance_types=[pool.machine_type],
            capacity_type=_CAPACITY[entry.kind],
            scaling_config={
                "min_size": entry.min_nodes,
                "max_size": entry.max_nodes,
                "desired_size": entry.min_nodes,
            },
            labels=scheduling.node_labels(pool),
            taints=[
                {"key": taint.key, "value": taint.value, "effect": scheduling.CLOUD_EFFECT}
                for taint in scheduling.taints(pool)
            ],
            launch_template={"id": template.id, "version": template.latest_version.apply(str)},
            update_config={"max_unavailable": 1},
            node_repair_config={"enabled": True},
            opts=pulumi.ResourceOptions(
                parent=self, provider=args.provider, depends_on=after, ignore_changes=["scalingConfig.desiredSize"]
            ),
        )

    def _create_template(self, name: str, pool: NodePool) -> aws.ec2.LaunchTemplate:
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
            tag_specifications=[
                {"resource_type": "instance", "tags": tags},
                {"resource_type": "volume", "tags": tags},
            ],
            opts=pulumi.ResourceOptions(parent=self, provider=self._args.provider),
        )
