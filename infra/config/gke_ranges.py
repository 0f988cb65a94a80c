"""Checks that a GKE cluster's ranges have room for the nodes and pods of its pools at their largest."""

from collections.abc import Sequence
from ipaddress import IPv4Network

from infra.config.pools import NodePool, most_nodes
from infra.config.section import refuse

RESERVED_ADDRESSES = 4
"""In each primary range: https://docs.cloud.google.com/vpc/docs/subnets#unusable-ip-addresses-in-every-subnet"""


def addresses_per_node(max_pods: int) -> int:
    """Return one node's pod addresses: the power of two that holds twice its pods.

    https://docs.cloud.google.com/kubernetes-engine/docs/how-to/flexible-pod-cidr
    """
    return 1 << (2 * max_pods - 1).bit_length()


def require_room(nodes_cidr: str, pods_cidr: str, pools: Sequence[NodePool], *, max_pods_per_node: int) -> None:
    """Refuse ranges without room for the pools at their largest."""
    wanted = most_nodes(pools)
    for key, cidr, room, each in (
        ("nodes_cidr", nodes_cidr, IPv4Network(nodes_cidr).num_addresses - RESERVED_ADDRESSES, 1),
        (
            "pods_cidr",
            pods_cidr,
            IPv4Network(pods_cidr).num_addresses // addresses_per_node(max_pods_per_node),
            addresses_per_node(max_pods_per_node),
        ),
    ):
        if room < wanted:
            reserved = RESERVED_ADDRESSES if key == "nodes_cidr" else 0
            prefix = 32 - (wanted * each + reserved - 1).bit_length()
            raise refuse(
                f"the range has room for {max(room, 0)} nodes, and the pools may grow to {wanted} with their upgrades",
                key=key,
                value=cidr,
                allowed=f"a prefix of /{prefix} or shorter",
                remedy="widen the range, or lower max_nodes or max_pods_per_node",
            )
