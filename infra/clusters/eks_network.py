"""The VPC of an EKS cluster: nodes in private subnets, load balancers and NAT in public ones.

One NAT gateway serves every zone: it costs a third, and a loss of its zone takes away egress (not traffic to clients)
until it is back. VPC endpoints and flow logs are not here yet.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from infra.clusters.eks_subnets import ZoneSubnets, subnets_over
from infra.config.cluster import EksCluster as EksClusterConfig
from infra.naming import AWS_TAG_CHARS, Names

_ANYWHERE = "0.0.0.0/0"


@dataclass(frozen=True, kw_only=True)
class EksNetworkArgs:
    """The VPC's network and zones come from the cluster's config."""

    config: EksClusterConfig
    names: Names
    provider: aws.Provider


class EksNetwork(pulumi.ComponentResource):
    """A VPC, a public and a private subnet in each zone, an internet gateway and one NAT gateway."""

    private_subnet_ids: list[pulumi.Output[str]]
    egress: list[pulumi.Resource]
    """Nodes reach the control plane's public names and the registries through it, so pools come after it."""

    def __init__(self, name: str, args: EksNetworkArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("ragspan:clusters:EksNetwork", name, None, opts)
        self._logical = name
        self._names = args.names
        self._options = pulumi.ResourceOptions(parent=self, provider=args.provider)

        self._vpc = self._create_vpc(args.config.vpc_cidr)
        gateway = aws.ec2.InternetGateway(
            f"{name}-internet", vpc_id=self._vpc.id, tags=self._tags("internet"), opts=self._options
        )
        layout = subnets_over(args.config.vpc_cidr, args.config.zones)
        public = self._create_subnets("public", layout)
        private = self._create_subnets("private", layout)
        nat = self._create_nat(public[0], gateway)
        to_internet = self._create_routes("public", public, gateway_id=gateway.id)
        to_nat = self._create_routes("private", private, nat_gateway_id=nat.id)
        self.private_subnet_ids = [subnet.id for subnet in private]
        self.egress = [*to_internet, *to_nat]
        self.register_outputs({"private_subnet_ids": self.private_subnet_ids})

    def _tags(self, role: str) -> dict[str, str]:
        return {"Name": self._names.of(role, limit=AWS_TAG_CHARS)}

    def _create_vpc(self, cidr: str) -> aws.ec2.Vpc:
        return aws.ec2.Vpc(
            f"{self._logical}-vpc",
            cidr_block=cidr,
            enable_dns_support=True,
            enable_dns_hostnames=True,
            tags=self._tags("vpc"),
            opts=self._options,
        )

    def _create_subnets(self, kind: str, layout: Sequence[ZoneSubnets]) -> list[aws.ec2.Subnet]:
        # Load balancer controllers find their subnets by these tags:
        # https://docs.aws.amazon.com/eks/latest/userguide/network-load-balancing.html
        role = "elb" if kind == "public" else "internal-elb"
        found = {f"kubernetes.io/role/{role}": "1", f"kubernetes.io/cluster/{self._names.cluster}": "shared"}
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

    def _create_nat(self, subnet: aws.ec2.Subnet, gateway: aws.ec2.InternetGateway) -> aws.ec2.NatGateway:
        after_gateway = pulumi.ResourceOptions.merge(self._options, pulumi.ResourceOptions(depends_on=[gateway]))
        address = aws.ec2.Eip(f"{self._logical}-nat-address", domain="vpc", tags=self._tags("nat"), opts=after_gateway)
        return aws.ec2.NatGateway(
            f"{self._logical}-nat",
            subnet_id=subnet.id,
            allocation_id=address.id,
            tags=self._tags("nat"),
            opts=after_gateway,
        )

    def _create_routes(
        self,
        kind: str,
        subnets: Sequence[aws.ec2.Subnet],
        *,
        gateway_id: pulumi.Input[str] | None = None,
        nat_gateway_id: pulumi.Input[str] | None = None,
    ) -> list[pulumi.Resource]:
        table = aws.ec2.RouteTable(
            f"{self._logical}-{kind}", vpc_id=self._vpc.id, tags=self._tags(kind), opts=self._options
        )
        route = aws.ec2.Route(
            f"{self._logical}-{kind}-default",
            route_table_id=table.id,
            destination_cidr_block=_ANYWHERE,
            gateway_id=gateway_id,
            nat_gateway_id=nat_gateway_id,
            opts=self._options,
        )
        associations = [
            aws.ec2.RouteTableAssociation(
                f"{self._logical}-{kind}-{index}", route_table_id=table.id, subnet_id=subnet.id, opts=self._options
            )
            for index, subnet in enumerate(subnets)
        ]
        return [route, *associations]
