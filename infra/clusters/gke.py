"""A private, VPC-native, regional GKE cluster."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_gcp as gcp
import pulumi_kubernetes as k8s

from infra.clusters import gke_options, scheduling
from infra.clusters.gke_bucket import ENCRYPT, GkeBucket, GkeBucketArgs
from infra.clusters.gke_classes import GkeComputeClasses, GkeComputeClassesArgs
from infra.clusters.gke_identity import GkeNodeIdentity, GkeNodeIdentityArgs
from infra.clusters.gke_network import RANGES, GkeNetwork, GkeNetworkArgs
from infra.clusters.gke_pools import GkeNodePools, GkeNodePoolsArgs
from infra.clusters.gke_storage import create_storage
from infra.clusters.kubeconfig import exec_kubeconfig
from infra.config.buckets import BUCKETS
from infra.config.gke import GkeCluster as GkeClusterConfig
from infra.contracts import Placement
from infra.naming import FAST_VOLUMES, GKE_NAME_CHARS, Names, fitted


@dataclass(frozen=True, kw_only=True)
class GkeClusterArgs:
    """The cluster's section of the stack file, and the stack's names."""

    config: GkeClusterConfig
    names: Names


class GkeCluster(pulumi.ComponentResource):
    """The network, node identity, control plane with DNS endpoint, node pools, storage classes and buckets."""

    provider: k8s.Provider
    storage_class: str
    kubeconfig: pulumi.Output[str]
    ready: Sequence[pulumi.Resource]
    buckets: Mapping[str, GkeBucket]
    """By role, if the stack file asks for buckets."""

    def __init__(self, name: str, args: GkeClusterArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("ragspan:clusters:GkeCluster", name, None, opts)
        config, names = args.config, args.names
        self._logical = name
        self._config = config
        self._physical = fitted(names.cluster, limit=GKE_NAME_CHARS, remedy="shorten the environment")
        self._google = self._create_google_provider(names)
        parent = pulumi.ResourceOptions(parent=self)

        network = GkeNetwork(
            f"{name}-network", GkeNetworkArgs(config=config, names=names, provider=self._google), parent
        )
        identity = GkeNodeIdentity(
            f"{name}-nodes",
            GkeNodeIdentityArgs(project_id=config.project_id, names=names, provider=self._google),
            parent,
        )
        cluster = self._create_control_plane(network, identity)
        pools = GkeNodePools(
            f"{name}-pools",
            GkeNodePoolsArgs(
                config=config,
                names=names,
                provider=self._google,
                cluster_name=cluster.name,
                service_account=identity.email,
                after=[network.egress, *identity.grants],
            ),
            parent,
        )
        self.kubeconfig = self._compose_kubeconfig(cluster)
        self.provider = self._create_kubernetes_provider()
        volumes = create_storage(
            name, config, network.name, pulumi.ResourceOptions(parent=self, provider=self.provider)
        )
        self.buckets = self._create_buckets(names)
        self.storage_class = FAST_VOLUMES
        classes = GkeComputeClasses(
            f"{name}-classes",
            GkeComputeClassesArgs(pools=config.pools, provider=self.provider, after=pools.pools),
            parent,
        )
        self.ready = [*pools.pools, *classes.classes, *volumes]
        self.register_outputs({"kubeconfig": self.kubeconfig, "storage_class": self.storage_class})

    def place_on_system_pool(self) -> Placement:
        return scheduling.place_on(scheduling.system_pool(self._config.pools))

    def place_on_gpu_pool(self, pool: str) -> Placement:
        return scheduling.place_on_gpu(self._config.pools, pool, "gke")

    def _create_google_provider(self, names: Names) -> gcp.Provider:
        return gcp.Provider(
            f"{self._logical}-google",
            project=self._config.project_id,
            region=self._config.region,
            default_labels=names.cloud_labels,
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _create_control_plane(self, network: GkeNetwork, identity: GkeNodeIdentity) -> gcp.container.Cluster:
        config = self._config
        return gcp.container.Cluster(
            f"{self._logical}-control-plane",
            name=self._physical,
            location=config.region,
            node_locations=config.zones,
            min_master_version=config.kubernetes_minor,
            release_channel={"channel": config.release_channel},
            network=network.network_id,
            subnetwork=network.subnet_id,
            ip_allocation_policy=RANGES,
            datapath_provider="ADVANCED_DATAPATH",
            private_cluster_config={"enable_private_nodes": True},
            control_plane_endpoints_config=gke_options.endpoints(config),
            master_authorized_networks_config=gke_options.authorized_networks(config),
            maintenance_policy=gke_options.maintenance_policy(config.maintenance),
            database_encryption=gke_options.database_encryption(config.database_encryption_key),
            addons_config=gke_options.addons(config),
            cost_management_config={"enabled": True},  # itemises the bill by namespace and label
            workload_identity_config={"workload_pool": f"{config.project_id}.svc.id.goog"},
            enable_shielded_nodes=True,
            gateway_api_config={"channel": "CHANNEL_STANDARD"},
            monitoring_config=gke_options.monitoring(config),
            deletion_protection=config.deletion_protection,
            # GKE requires an initial pool; it exists for a minute, with our service account, and never comes back.
            remove_default_node_pool=True,
            initial_node_count=1,
            node_config={
                "service_account": identity.email,
                "shielded_instance_config": {"enable_secure_boot": True, "enable_integrity_monitoring": True},
            },
            opts=pulumi.ResourceOptions(
                parent=self,
                provider=self._google,
                protect=config.deletion_protection,
                ignore_changes=["nodeConfig", "initialNodeCount"],
                depends_on=[*identity.grants, *self._allow_key()],
            ),
        )

    def _allow_key(self) -> list[pulumi.Resource]:
        key, number = self._config.database_encryption_key, self._config.project_number
        if not key:
            return []
        member = gcp.kms.CryptoKeyIAMMember(
            f"{self._logical}-key",
            crypto_key_id=key,
            role=ENCRYPT,
            member=f"serviceAccount:service-{number}@container-engine-robot.iam.gserviceaccount.com",
            opts=pulumi.ResourceOptions(parent=self, provider=self._google),
        )
        return [member]

    def _compose_kubeconfig(self, cluster: gcp.container.Cluster) -> pulumi.Output[str]:
        def compose(endpoints: gcp.container.outputs.ClusterControlPlaneEndpointsConfig) -> str:
            dns = endpoints.dns_endpoint_config
            if dns is None or dns.endpoint is None:
                raise ValueError(f"GKE gave {self._physical} no DNS endpoint; enable DNS-based access in its console.")
            return exec_kubeconfig(
                name=self._identifier,
                server=f"https://{dns.endpoint}",
                command="gke-gcloud-auth-plugin",
                arguments=[],
                install_hint="gcloud components install gke-gcloud-auth-plugin",
            )

        return cluster.control_plane_endpoints_config.apply(compose)

    @property
    def _identifier(self) -> str:
        return f"gke_{self._config.project_id}_{self._config.region}_{self._physical}"

    def _create_kubernetes_provider(self) -> k8s.Provider:
        # The identifier prevents a new kubeconfig from replacing every object in the cluster.
        return k8s.Provider(
            f"{self._logical}-kubernetes",
            kubeconfig=self.kubeconfig,
            cluster_identifier=self._identifier,
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _create_buckets(self, names: Names) -> dict[str, GkeBucket]:
        if self._config.buckets is None:
            return {}
        return {
            role: GkeBucket(
                f"{self._logical}-{role}",
                GkeBucketArgs(
                    role=role, config=self._config, buckets=self._config.buckets, names=names, provider=self._google
                ),
                pulumi.ResourceOptions(parent=self),
            )
            for role in BUCKETS
        }
