"""VPC endpoints through which nodes reach AWS services without the internet.

The one for S3 always exists, because image layers come from there and it is free; the paid ones only if the stack file
asks for them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from infra.config.eks import EksCluster as EksClusterConfig
from infra.naming import AWS_TAG_CHARS, Names

_INTERFACES = ("ec2", "ecr.api", "ecr.dkr", "eks-auth", "logs", "sts")
"""What nodes need to start, pull images and identify their pods:
https://docs.aws.amazon.com/eks/latest/userguide/private-clusters.html"""


@dataclass(frozen=True, kw_only=True)
class EksEndpointsArgs:
    """Where the endpoints go: the private subnets and their route tables."""

    config: EksClusterConfig
    names: Names
    provider: aws.Provider
    vpc_id: pulumi.Input[str]
    subnet_ids: Sequence[pulumi.Input[str]]
    route_table_ids: Sequence[pulumi.Input[str]]


class EksEndpoints(pulumi.ComponentResource):
    """A gateway endpoint for S3, and optionally an interface endpoint for each service that nodes call."""

    endpoints: list[aws.ec2.VpcEndpoint]

    def __init__(self, name: str, args: EksEndpointsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("ragspan:clusters:EksEndpoints", name, None, opts)
        self._logical = name
        self._args = args
        self._options = pulumi.ResourceOptions(parent=self, provider=args.provider)
        self.endpoints = [self._create_gateway()]
        if args.config.interface_endpoints:
            group = self._create_security_group()
            self.endpoints += [self._create_interface(service, group) for service in _INTERFACES]
        self.register_outputs({})

    def _service(self, service: str) -> str:
        return f"com.amazonaws.{self._args.config.region}.{service}"

    def _tags(self, role: str) -> dict[str, str]:
        return {"Name": self._args.names.of(role, limit=AWS_TAG_CHARS)}

    def _create_gateway(self) -> aws.ec2.VpcEndpoint:
        return aws.ec2.VpcEndpoint(
            f"{self._logical}-s3",
            vpc_id=self._args.vpc_id,
            vpc_endpoint_type="Gateway",
            service_name=self._service("s3"),
            route_table_ids=self._args.route_table_ids,
            tags=self._tags("s3"),
            opts=self._options,
        )

    def _create_security_group(self) -> aws.ec2.SecurityGroup:
        return aws.ec2.SecurityGroup(
            f"{self._logical}-clients",
            vpc_id=self._args.vpc_id,
            description="TLS from the VPC to the endpoints of AWS services",
            ingress=[
                {
                    "protocol": "tcp",
                    "from_port": 443,
                    "to_port": 443,
                    "cidr_blocks": [self._args.config.vpc_cidr],
                    "description": "TLS from nodes and pods",
                }
            ],
            tags=self._tags("endpoints"),
            opts=self._options,
        )

    def _create_interface(self, service: str, group: aws.ec2.SecurityGroup) -> aws.ec2.VpcEndpoint:
        return aws.ec2.VpcEndpoint(
            f"{self._logical}-{service}",
            vpc_id=self._args.vpc_id,
            vpc_endpoint_type="Interface",
            service_name=self._service(service),
            private_dns_enabled=True,
            subnet_ids=self._args.subnet_ids,
            security_group_ids=[group.id],
            tags=self._tags(service),
            opts=self._options,
        )
