"""The VPC of an EKS cluster: nodes in private subnets, load balancers and NAT gateways in public ones.

Each zone has its own private route table, whichever NAT gateway it uses, so that adding gateways replaces nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from infra.clusters.eks_endpoints import EksEndpoints, EksEndpointsArgs
from infra.clusters.eks_flow_logs import EksFlowLogs, EksFlowLogsArgs
from infra.clusters.eks_node_class import discovery_tags
from infra.config.eks import EksCluster as EksClusterConfig
from infra.config.eks_subnets import ZoneSubnets, subnets_over
from infra.naming import AWS_TAG_CHARS, Names

_ANYWHERE = "0.0.0.0/0"


@dataclass(frozen=True, kw_only=True)
class EksNetworkArgs:
    """The VPC's network and zones come from the cluster's config."""

    config: EksClusterConfig
    names: Names
    partition: str
    provider: aws.Provider


class EksNetwork(pulumi.ComponentResource):
    """A VPC with a public and a private subnet in each zone, and its routes in and out."""

    vpc_id: pulumi.Output[str]
    private_subnet_ids: list[pulumi.Output[str]]
    """One per zone, in the order of the zones."""
    egress: list[pulumi.Resource]
    """Through it nodes reach the control plane's public names and the registries, so pools depend on it."""

    def __init__(self, name: str, args: EksNetworkArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("ragspan:clusters:EksNetwork", name, None, opts)
        self._logical = name
        self._args = args
        self._options = pulumi.ResourceOptions(parent=self, provider=args.provider)
        layout = subnets_over(args.config.vpc_cidr, args.config.zones)

        self._vpc = self._create_vpc()
        gateway = aws.ec2.InternetGateway(
            f"{name}-internet", vpc_id=self._vpc.id, tags=self._tags("internet"), opts=self._options
        )
        public = self._create_subnets("public", layout)
        private = self._create_subnets("private", layout)
        tables = [self._create_route_table("public"), *(self._create_route_table(f"private-{z.zone}") for z in layout)]
        outward = self._route("public", tables[0], public, gateway_id=gateway.id)
        nats = self._create_nats(public, layout, after=[gateway, *outward])
        for index, (zone, table) in enumerate(zip(layout, tables[1:], strict=True)):
            nat = nats[index % len(nats)]
            outward += self._route(f"private-{zone.zone}", table, [private[index]], nat_gateway_id=nat.id)
        endpoints = self._create_endpoints(private, tables[1:])
        if args.config.flow_logs:
            self._create_flow_logs()
        self.vpc_id = self._vpc.id
        self.private_subnet_ids = [subnet.id for subnet in private]
        self.egress = [*outward, *endpoints.endpoints]
        self.register_outputs({"private_subnet_ids": self.private_subnet_ids})

    def _tags(self, role: str) -> dict[str, str]:
        return {"Name": self._args.names.of(role, limit=AWS_TAG_CHARS)}

    def _create_vpc(self) -> aws.ec2.Vpc:
        return aws.ec2.Vpc(
            f"{self._logical}-vpc",
            cidr_block=self._args.config.vpc_cidr,
            enable_dns_support=True,
            enable_dns_hostnames=True,
            tags=self._tags("vpc"),
            opts=self._options,
        )

    def _create_subnets(self, kind: str, layout: Sequence[ZoneSubnets]) -> list[aws.ec2.Subnet]:
        # Load balancer controllers find their subnets by these tags:
        # https://docs.aws.amazon.com/eks/latest/userguide/network-load-balancing.html
        role = "elb" if kind == "public" else "internal-elb"
        found = {f"kubernetes.io/role/{role}": "1", f"kubernetes.io/cluster/{self._args.names.cluster}": "shared"}
        if kind == "private":
            found |= discovery_tags(self._args.names)
        return [
            aws.ec2.Subnet(
                f"{self._logical}-{kind}-{subnets.zone}",
                vpc_id=self._vpc.id,
                availability_zone=subnets.zone,
                cidr_block=subnets.public if kind == "public" else subnets.private,
                map_public_ip_on_launch=False,
                tags={**self._tags(f"{kind}-{subnets.zone}"), **found},
                opts=self._options,
            )
            for subnets in layout
        ]

    def _create_nats(
        self, public: Sequence[aws.ec2.Subnet], layout: Sequence[ZoneSubnets], after: Sequence[pulumi.Resource]
    ) -> list[aws.ec2.NatGateway]:
        count = 1 if self._args.config.nat_gateways == "one" else len(layout)
        placed = zip(public[:count], layout[:count], strict=True)
        return [self._create_nat(zone.zone, subnet, after) for subnet, zone in placed]

    def _create_nat(self, zone: str, subnet: aws.ec2.Subnet, after: Sequence[pulumi.Resource]) -> aws.ec2.NatGateway:
        child = pulumi.ResourceOptions(parent=self, provider=self._args.provider, depends_on=after)
        tags = self._tags(f"nat-{zone}")
        address = aws.ec2.Eip(f"{self._logical}-nat-address-{zone}", domain="vpc", tags=tags, opts=child)
        return aws.ec2.NatGateway(
            f"{self._logical}-nat-{zone}", subnet_id=subnet.id, allocation_id=address.id, tags=tags, opts=child
        )

    def _create_route_table(self, name: str) -> aws.ec2.RouteTable:
        return aws.ec2.RouteTable(
            f"{self._logical}-{name}", vpc_id=self._vpc.id, tags=self._tags(name), opts=self._options
        )

    def _route(
        self,
        name: str,
        table: aws.ec2.RouteTable,
        subnets: Sequence[aws.ec2.Subnet],
        *,
        gateway_id: pulumi.Input[str] | None = None,
        nat_gateway_id: pulumi.Input[str] | None = None,
    ) -> list[pulumi.Resource]:
        route = aws.ec2.Route(
            f"{self._logical}-{name}-default",
            route_table_id=table.id,
            destination_cidr_block=_ANYWHERE,
            gateway_id=gateway_id,
            nat_gateway_id=nat_gateway_id,
            opts=self._options,
        )
        associations = [
            aws.ec2.RouteTableAssociation(
                f"{self._logical}-{name}-{index}", route_table_id=table.id, subnet_id=subnet.id, opts=self._options
            )
            for index, subnet in enumerate(subnets)
        ]
        return [route, *associations]

    def _create_endpoints(
        self, private: Sequence[aws.ec2.Subnet], tables: Sequence[aws.ec2.RouteTable]
    ) -> EksEndpoints:
        return EksEndpoints(
            f"{self._logical}-endpoints",
            EksEndpointsArgs(
                config=self._args.config,
                names=self._args.names,
                provider=self._args.provider,
                vpc_id=self._vpc.id,
                subnet_ids=[subnet.id for subnet in private],
                route_table_ids=[table.id for table in tables],
            ),
            pulumi.ResourceOptions(parent=self),
        )

    def _create_flow_logs(self) -> None:
        EksFlowLogs(
            f"{self._logical}-flow-logs",
            EksFlowLogsArgs(
                config=self._args.config,
                names=self._args.names,
                partition=self._args.partition,
                provider=self._args.provider,
                vpc_id=self._vpc.id,
            ),
            pulumi.ResourceOptions(parent=self),
        )
