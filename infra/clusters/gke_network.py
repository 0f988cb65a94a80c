"""The VPC of a GKE cluster: one subnet with ranges for pods and services, no public node addresses, egress by NAT."""

from dataclasses import dataclass

import pulumi
import pulumi_gcp as gcp

from infra.config.gke import GkeCluster as GkeClusterConfig
from infra.naming import GCP_NAME_CHARS, Names

PODS_RANGE = "pods"
SERVICES_RANGE = "services"
RANGES: gcp.container.ClusterIpAllocationPolicyArgsDict = {
    "cluster_secondary_range_name": PODS_RANGE,
    "services_secondary_range_name": SERVICES_RANGE,
}
"""The ranges that a cluster in this network takes its addresses from."""


@dataclass(frozen=True, kw_only=True)
class GkeNetworkArgs:
    """The network's address ranges and region come from the cluster's config."""

    config: GkeClusterConfig
    names: Names
    provider: gcp.Provider


class GkeNetwork(pulumi.ComponentResource):
    """A custom-mode network, its subnet with flow logs and Private Google Access, and a router with Cloud NAT."""

    name: pulumi.Output[str]
    network_id: pulumi.Output[str]
    subnet_id: pulumi.Output[str]
    egress: gcp.compute.RouterNat
    """Through it nodes pull images from outside Google, so pools depend on it."""

    def __init__(self, name: str, args: GkeNetworkArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("ragspan:clusters:GkeNetwork", name, None, opts)
        self._logical = name
        self._args = args
        self._options = pulumi.ResourceOptions(parent=self, provider=args.provider)

        network = self._create_network()
        subnet = self._create_subnet(network)
        self.egress = self._create_egress(network, subnet)
        self.name = network.name
        self.network_id = network.id
        self.subnet_id = subnet.id
        self.register_outputs({"network_id": self.network_id, "subnet_id": self.subnet_id})

    def _physical(self, role: str) -> str:
        return self._args.names.of(role, limit=GCP_NAME_CHARS)

    def _create_network(self) -> gcp.compute.Network:
        return gcp.compute.Network(
            f"{self._logical}-network",
            name=self._physical("network"),
            auto_create_subnetworks=False,
            routing_mode="REGIONAL",
            opts=self._options,
        )

    def _create_subnet(self, network: gcp.compute.Network) -> gcp.compute.Subnetwork:
        config = self._args.config
        return gcp.compute.Subnetwork(
            f"{self._logical}-subnet",
            name=self._physical("nodes"),
            network=network.id,
            region=config.region,
            ip_cidr_range=config.nodes_cidr,
            secondary_ip_ranges=[
                {"range_name": PODS_RANGE, "ip_cidr_range": config.pods_cidr},
                {"range_name": SERVICES_RANGE, "ip_cidr_range": config.services_cidr},
            ],
            private_ip_google_access=True,
            log_config={
                "aggregation_interval": "INTERVAL_10_MIN",
                "flow_sampling": 0.5,
                "metadata": "INCLUDE_ALL_METADATA",
            },
            opts=self._options,
        )

    def _create_egress(self, network: gcp.compute.Network, subnet: gcp.compute.Subnetwork) -> gcp.compute.RouterNat:
        region = self._args.config.region
        router = gcp.compute.Router(
            f"{self._logical}-router",
            name=self._physical("router"),
            network=network.id,
            region=region,
            opts=self._options,
        )
        return gcp.compute.RouterNat(
            f"{self._logical}-nat",
            name=self._physical("nat"),
            router=router.name,
            region=region,
            nat_ip_allocate_option="AUTO_ONLY",
            source_subnetwork_ip_ranges_to_nat="LIST_OF_SUBNETWORKS",
            subnetworks=[{"name": subnet.id, "source_ip_ranges_to_nats": ["ALL_IP_RANGES"]}],
            # The fixed default of 64 ports per node runs out when many pods talk to one host.
            enable_dynamic_port_allocation=True,
            min_ports_per_vm=64,
            max_ports_per_vm=4096,
            log_config={"enable": True, "filter": "ERRORS_ONLY"},
            opts=self._options,
        )
