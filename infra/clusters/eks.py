"""An EKS cluster in private subnets of its own VPC. A managed node group runs Karpenter, which starts the rest."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws
import pulumi_kubernetes as k8s

from infra.clusters import scheduling
from infra.clusters.eks_addon import AddonIdentity, EksAddon, EksAddonArgs
from infra.clusters.eks_bucket import EksBucket
from infra.clusters.eks_buckets import EksBuckets, EksBucketsArgs
from infra.clusters.eks_control_plane import EksControlPlane, EksControlPlaneArgs
from infra.clusters.eks_identity import EksIdentities
from infra.clusters.eks_karpenter import EksKarpenter, EksKarpenterArgs
from infra.clusters.eks_karpenter_pools import EksKarpenterPools, EksKarpenterPoolsArgs
from infra.clusters.eks_network import EksNetwork, EksNetworkArgs
from infra.clusters.eks_role import NODE_POLICIES, EksRole, EksRoleArgs, trust_service
from infra.clusters.eks_shared_volumes import EksSharedVolumes, EksSharedVolumesArgs
from infra.clusters.eks_storage import create_storage
from infra.clusters.eks_system_pool import EksSystemPool, EksSystemPoolArgs
from infra.clusters.kubeconfig import exec_kubeconfig
from infra.config.eks import EksCluster as EksClusterConfig
from infra.contracts import Placement
from infra.naming import FAST_VOLUMES, Names
from infra.versions import VERSIONS

# Network policies are off by default: then every NetworkPolicy is accepted and ignored. Prefixes of 16 addresses give
# any node room for 110 pods, at the price of unused addresses.
_CNI_SETTINGS = {
    "enableNetworkPolicy": "true",
    "env": {"ENABLE_PREFIX_DELEGATION": "true", "WARM_PREFIX_TARGET": "1"},
}
_CNI = AddonIdentity(role="vpc-cni", service_account="aws-node", policy="AmazonEKS_CNI_Policy")
# V2 can only access volumes that the driver itself has tagged:
# https://docs.aws.amazon.com/aws-managed-policy/latest/reference/AmazonEBSCSIDriverPolicyV2.html
_EBS = AddonIdentity(role="ebs-csi", service_account="ebs-csi-controller-sa", policy="AmazonEBSCSIDriverPolicyV2")
_EFS = AddonIdentity(
    role="efs-csi", service_account="efs-csi-controller-sa", policy="service-role/AmazonEFSCSIDriverPolicy"
)
# A deleted volume's files are deleted too; otherwise they are paid for until somebody empties the file system by hand.
_EFS_SETTINGS = {"controller": {"deleteAccessPointRootDir": True}}


@dataclass(frozen=True, kw_only=True)
class EksClusterArgs:
    """The cluster's section of the stack file, and the stack's names."""

    config: EksClusterConfig
    names: Names


class EksCluster(pulumi.ComponentResource):
    """The network, control plane, add-ons, pools, storage classes and buckets."""

    provider: k8s.Provider
    storage_class: str
    kubeconfig: pulumi.Output[str]
    ready: Sequence[pulumi.Resource]
    buckets: Mapping[str, EksBucket]
    """By role, if the stack file asks for buckets."""

    def __init__(self, name: str, args: EksClusterArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("ragspan:clusters:EksCluster", name, None, opts)
        self._logical = name
        self._config = args.config
        self._names = args.names
        self._partition = args.config.admin_role_arn.split(":")[1]
        self._aws = self._create_aws_provider()
        self._versions = VERSIONS.eks_addons_for(args.config.kubernetes_minor)

        network = self._create_network()
        control_plane = self._create_control_plane(network)
        self._cluster = control_plane.cluster
        before_nodes = [
            self._install("eks-pod-identity-agent", self._versions.pod_identity_agent),
            self._install("kube-proxy", self._versions.kube_proxy),
            self._install("vpc-cni", self._versions.vpc_cni, configuration=_CNI_SETTINGS, identity=_CNI),
        ]
        system = self._create_system_pool(network, before_nodes)
        on_nodes = self._install_on_nodes(system.groups)
        self.kubeconfig = self._compose_kubeconfig()
        self.provider = self._create_kubernetes_provider(control_plane)
        self.storage_class = FAST_VOLUMES
        volumes = self._create_volumes(network, control_plane, drivers=on_nodes)
        self.buckets = self._create_buckets()
        pools = self._create_karpenter_pools(after=[*system.groups, *on_nodes])
        self.ready = [*before_nodes, *system.groups, *on_nodes, *pools.pools, *volumes]
        self.register_outputs({"kubeconfig": self.kubeconfig, "storage_class": self.storage_class})

    def place_on_system_pool(self) -> Placement:
        return scheduling.place_on(scheduling.system_pool(self._config.pools))

    def place_on_gpu_pool(self, pool: str) -> Placement:
        return scheduling.place_on_gpu(self._config.pools, pool)

    def _create_aws_provider(self) -> aws.Provider:
        return aws.Provider(
            f"{self._logical}-aws",
            region=self._config.region,
            allowed_account_ids=[self._config.account_id],
            default_tags={"tags": self._names.cloud_labels},
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _create_network(self) -> EksNetwork:
        return EksNetwork(
            f"{self._logical}-network",
            EksNetworkArgs(config=self._config, names=self._names, partition=self._partition, provider=self._aws),
            pulumi.ResourceOptions(parent=self),
        )

    def _create_control_plane(self, network: EksNetwork) -> EksControlPlane:
        return EksControlPlane(
            f"{self._logical}-control-plane",
            EksControlPlaneArgs(
                config=self._config,
                names=self._names,
                partition=self._partition,
                provider=self._aws,
                subnet_ids=network.private_subnet_ids,
            ),
            pulumi.ResourceOptions(parent=self),
        )

    def _install(
        self,
        addon: str,
        version: str,
        *,
        configuration: Mapping[str, Any] | None = None,
        identity: AddonIdentity | None = None,
        after: Sequence[pulumi.Resource] = (),
    ) -> aws.eks.Addon:
        installed = EksAddon(
            f"{self._logical}-{addon}",
            EksAddonArgs(
                addon=addon,
                version=version,
                cluster_name=self._cluster.name,
                partition=self._partition,
                names=self._names,
                provider=self._aws,
                configuration=configuration or {},
                identity=identity,
                after=after,
            ),
            pulumi.ResourceOptions(parent=self),
        )
        return installed.addon

    def _install_on_nodes(self, nodes: Sequence[pulumi.Resource]) -> list[pulumi.Resource]:
        """Install the add-ons that need nodes. The disk driver takes snapshots only if their kinds exist before it."""
        versions = self._versions
        snapshots = self._install("snapshot-controller", versions.snapshot_controller, after=nodes)
        disks = self._install("aws-ebs-csi-driver", versions.ebs_csi_driver, identity=_EBS, after=[*nodes, snapshots])
        installed = [self._install("coredns", versions.coredns, after=nodes), snapshots, disks]
        if self._config.shared_volumes:
            files = ("aws-efs-csi-driver", versions.efs_csi_driver)
            installed.append(self._install(*files, configuration=_EFS_SETTINGS, identity=_EFS, after=nodes))
        return list(installed)

    def _create_system_pool(self, network: EksNetwork, before_nodes: Sequence[pulumi.Resource]) -> EksSystemPool:
        role = EksRole(
            f"{self._logical}-nodes",
            EksRoleArgs(
                role="nodes",
                trust=trust_service("ec2"),
                policies=NODE_POLICIES,
                partition=self._partition,
                names=self._names,
                provider=self._aws,
            ),
            pulumi.ResourceOptions(parent=self),
        )
        return EksSystemPool(
            f"{self._logical}-pool",
            EksSystemPoolArgs(
                config=self._config,
                names=self._names,
                provider=self._aws,
                cluster_name=self._cluster.name,
                role_arn=role.arn,
                subnet_ids=network.private_subnet_ids,
                after=[*network.egress, *role.attachments, *before_nodes],
            ),
            pulumi.ResourceOptions(parent=self),
        )

    def _create_karpenter_pools(self, after: Sequence[pulumi.Resource]) -> EksKarpenterPools:
        karpenter = EksKarpenter(
            f"{self._logical}-karpenter",
            EksKarpenterArgs(
                config=self._config,
                names=self._names,
                partition=self._partition,
                provider=self._aws,
                kubernetes=self.provider,
                cluster_name=self._cluster.name,
                after=after,
            ),
            pulumi.ResourceOptions(parent=self),
        )
        return EksKarpenterPools(
            f"{self._logical}-pools",
            EksKarpenterPoolsArgs(
                config=self._config,
                names=self._names,
                kubernetes=self.provider,
                instance_profile=karpenter.instance_profile,
                after=karpenter.ready,
            ),
            pulumi.ResourceOptions(parent=self),
        )

    def _compose_kubeconfig(self) -> pulumi.Output[str]:
        region, cluster = self._config.region, self._names.cluster

        def compose(endpoint: str, ca_data: str) -> str:
            return exec_kubeconfig(
                name=self._identifier,
                server=endpoint,
                ca_data=ca_data,
                command="aws",
                arguments=["--region", region, "eks", "get-token", "--cluster-name", cluster, "--output", "json"],
                install_hint="https://docs.aws.amazon.com/cli/latest/userguide/getting-started-install.html",
            )

        ca_data = self._cluster.certificate_authority.apply(lambda authority: authority.data)
        return pulumi.Output.all(self._cluster.endpoint, ca_data).apply(lambda known: compose(*known))

    @property
    def _identifier(self) -> str:
        return f"eks_{self._config.account_id}_{self._config.region}_{self._names.cluster}"

    def _create_kubernetes_provider(self, control_plane: EksControlPlane) -> k8s.Provider:
        # The identifier prevents a new kubeconfig from replacing every object in the cluster.
        return k8s.Provider(
            f"{self._logical}-kubernetes",
            kubeconfig=self.kubeconfig,
            cluster_identifier=self._identifier,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[control_plane.administration]),
        )

    def _create_volumes(
        self, network: EksNetwork, control_plane: EksControlPlane, drivers: Sequence[pulumi.Resource]
    ) -> list[pulumi.Resource]:
        shared = self._create_shared_volumes(network, control_plane) if self._config.shared_volumes else None
        classes = create_storage(
            self._logical,
            shared.file_system_id if shared else None,
            pulumi.ResourceOptions(parent=self, provider=self.provider),
            after_drivers=drivers,
        )
        return [*classes, *(shared.ready if shared else [])]

    def _create_shared_volumes(self, network: EksNetwork, control_plane: EksControlPlane) -> EksSharedVolumes:
        return EksSharedVolumes(
            f"{self._logical}-volumes",
            EksSharedVolumesArgs(
                names=self._names,
                provider=self._aws,
                zones=self._config.zones,
                vpc_id=network.vpc_id,
                subnet_ids=network.private_subnet_ids,
                clients=control_plane.security_group_id,
            ),
            pulumi.ResourceOptions(parent=self),
        )

    def _create_buckets(self) -> Mapping[str, EksBucket]:
        if self._config.buckets is None:
            return {}
        identities = EksIdentities(
            f"{self._logical}-identity",
            cluster_name=self._cluster.name,
            partition=self._partition,
            names=self._names,
            provider=self._aws,
            parent=self,
        )
        made = EksBuckets(
            f"{self._logical}-buckets",
            EksBucketsArgs(
                config=self._config,
                buckets=self._config.buckets,
                partition=self._partition,
                names=self._names,
                identities=identities,
                provider=self._aws,
            ),
            pulumi.ResourceOptions(parent=self),
        )
        return made.by_role
