"""The subnet layout of an EKS VPC, and whether it has room for the pools at their largest. Arithmetic only."""

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network

from infra.config.pools import NodePool, most_nodes
from infra.config.section import refuse

LARGEST_PREFIX = 16
"""The largest VPC: https://docs.aws.amazon.com/vpc/latest/userguide/vpc-cidr-blocks.html"""
SMALLEST_PREFIX = 20
"""Every pod takes an address of its node's subnet; a quarter of a /20 has 1024, enough for some seven full nodes."""
ADDRESSES_PER_NODE = 129
"""110 pods in seven prefixes of 16 addresses, an eighth one kept warm, and the node's own address:
https://docs.aws.amazon.com/eks/latest/best-practices/prefix-mode-linux.html"""
TAKEN_ADDRESSES = 32
"""In each private subnet: AWS's five, the control plane's interfaces, endpoints, mount targets, load balancers."""


@dataclass(frozen=True, kw_only=True)
class ZoneSubnets:
    """One zone: a small public subnet for load balancers and NAT, a large private one for nodes and pods."""

    zone: str
    public: str
    private: str


def subnets_over(vpc_cidr: str, zones: Sequence[str]) -> list[ZoneSubnets]:
    """Lay out the subnets of up to three zones: each gets a private quarter of the VPC, and the last quarter is public.

    A zone's layout depends only on its place in `zones`, so appending a zone moves no other.
    """
    *private, last = IPv4Network(vpc_cidr).subnets(prefixlen_diff=2)
    public = last.subnets(prefixlen_diff=4)
    return [
        ZoneSubnets(zone=zone, public=str(small), private=str(large))
        for zone, small, large in zip(zones, public, private, strict=False)
    ]


def nodes_in(prefix: int, zones: int) -> int:
    """Return how many full nodes fit into the private subnets, one per zone, of a VPC with this prefix length."""
    private = (1 << (32 - prefix)) // 4
    return zones * ((private - TAKEN_ADDRESSES) // ADDRESSES_PER_NODE)


def require_room(vpc_cidr: str, zones: Sequence[str], pools: Sequence[NodePool]) -> None:
    """Refuse a VPC of a size that AWS does not offer, or without room for the pools at their largest."""
    prefix = IPv4Network(vpc_cidr).prefixlen
    if not LARGEST_PREFIX <= prefix <= SMALLEST_PREFIX:
        raise refuse(
            "AWS makes no VPC that is larger, and every pod takes an address of a smaller one",
            key="vpc_cidr",
            value=vpc_cidr,
            allowed=f"a prefix of /{LARGEST_PREFIX} to /{SMALLEST_PREFIX}",
            remedy="write 10.0.0.0/16, say",
        )
    wanted, room = most_nodes(pools), nodes_in(prefix, len(zones))
    if room < wanted:
        fitting = [size for size in range(prefix, LARGEST_PREFIX - 1, -1) if nodes_in(size, len(zones)) >= wanted]
        raise refuse(
            f"the VPC has room for {room} nodes, and the pools may grow to {wanted} with their upgrades",
            key="vpc_cidr",
            value=vpc_cidr,
            allowed=f"a prefix of /{fitting[0]} or shorter" if fitting else "fewer nodes: no VPC holds so many",
            remedy="widen it, or lower max_nodes",
        )
