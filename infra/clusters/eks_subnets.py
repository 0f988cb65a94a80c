"""Where the subnets of an EKS VPC lie: arithmetic only."""

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network

LARGEST_PREFIX = 16
"""Of a VPC: https://docs.aws.amazon.com/vpc/latest/userguide/vpc-cidr-blocks.html"""
SMALLEST_PREFIX = 20
"""Every pod takes an address of its node's subnet; a quarter of /20 holds 1019 of them, some nine full nodes."""


class VpcSizeRefused(ValueError):
    """The VPC's network is larger than AWS allows or too small for pods."""


@dataclass(frozen=True, kw_only=True)
class ZoneSubnets:
    """One zone: a small public subnet for load balancers and NAT, a large private one for nodes and pods."""

    zone: str
    public: str
    private: str


def subnets_over(vpc_cidr: str, zones: Sequence[str]) -> list[ZoneSubnets]:
    """Lay out the subnets of up to three zones: a quarter of the VPC each is private, the last quarter is public.

    The layout of a zone depends on its place in `zones` alone, so a zone that is appended moves no other.
    Raises VpcSizeRefused.
    """
    vpc = IPv4Network(vpc_cidr)
    if not LARGEST_PREFIX <= vpc.prefixlen <= SMALLEST_PREFIX:
        raise VpcSizeRefused(
            f"ragspan:cluster.vpc_cidr is {vpc_cidr}; allowed: /{LARGEST_PREFIX}, the largest VPC of AWS, to"
            f" /{SMALLEST_PREFIX}, because every pod takes an address; write 10.0.0.0/16, say."
        )
    *private, last = vpc.subnets(prefixlen_diff=2)
    public = last.subnets(prefixlen_diff=4)
    return [
        ZoneSubnets(zone=zone, public=str(small), private=str(large))
        for zone, small, large in zip(zones, public, private, strict=False)
    ]
