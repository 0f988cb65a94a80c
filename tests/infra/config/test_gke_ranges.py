"""The arithmetic of a GKE cluster's ranges, over every size that a stack file may ask for."""

from ipaddress import IPv4Network
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import PydanticCustomError

from infra.config.cidr import require_apart
from infra.config.gke_ranges import RESERVED_ADDRESSES, addresses_per_node, require_room
from infra.config.pools import CpuPool, OnDemand, most_nodes

prefixes = st.integers(min_value=8, max_value=29)


@st.composite
def networks(draw: st.DrawFn) -> IPv4Network:
    return IPv4Network((draw(st.integers(0, 2**32 - 1)), draw(prefixes)), strict=False)


def pool(max_nodes: int) -> CpuPool:
    capacity = (OnDemand(kind="on_demand", max_nodes=max_nodes),)
    return CpuPool(kind="cpu", name="system", purpose="system", machine_type="e2-standard-4", capacity=capacity)


def refused_key(nodes_cidr: str, pods_cidr: str, pools: list[CpuPool], max_pods: int) -> object:
    """The key of the range that is refused, or None."""
    try:
        require_room(nodes_cidr, pods_cidr, pools, max_pods_per_node=max_pods)
    except PydanticCustomError as error:
        return (error.context or {})["key"]
    return None


@pytest.mark.parametrize(("max_pods", "addresses"), [(8, 16), (9, 32), (32, 64), (64, 128), (110, 256), (256, 512)])
def test_a_node_takes_googles_number_of_pod_addresses(max_pods: int, addresses: int):
    assert addresses_per_node(max_pods) == addresses


@given(max_pods=st.integers(min_value=8, max_value=256))
def test_a_nodes_addresses_are_the_least_power_of_two_that_holds_its_pods_twice(max_pods: int):
    addresses = addresses_per_node(max_pods)
    assert addresses.bit_count() == 1
    assert addresses // 2 < 2 * max_pods <= addresses


@given(nodes=prefixes, pods=prefixes, max_nodes=st.integers(1, 1000), max_pods=st.integers(8, 256))
def test_ranges_are_refused_exactly_where_a_node_would_find_none_left(
    nodes: int, pods: int, max_nodes: int, max_pods: int
):
    pools = [pool(max_nodes)]
    node_room = 2 ** (32 - nodes) - RESERVED_ADDRESSES
    pod_room = 2 ** (32 - pods) // addresses_per_node(max_pods)
    short = [key for key, room in (("nodes_cidr", node_room), ("pods_cidr", pod_room)) if room < most_nodes(pools)]
    refused = refused_key(f"0.0.0.0/{nodes}", f"0.0.0.0/{pods}", pools, max_pods)
    assert refused == (short[0] if short else None)


@given(max_nodes=st.integers(1, 1000), max_pods=st.integers(8, 256))
def test_the_prefix_that_a_refusal_names_has_room_and_the_next_longer_has_not(max_nodes: int, max_pods: int):
    pools = [pool(max_nodes)]
    with pytest.raises(PydanticCustomError) as caught:
        require_room("0.0.0.0/8", "0.0.0.0/32", pools, max_pods_per_node=max_pods)
    assert caught.value.context
    prefix = int(str(caught.value.context["allowed"]).removeprefix("a prefix of /").split()[0])
    require_room("0.0.0.0/8", f"0.0.0.0/{prefix}", pools, max_pods_per_node=max_pods)
    with pytest.raises(PydanticCustomError):
        require_room("0.0.0.0/8", f"0.0.0.0/{prefix + 1}", pools, max_pods_per_node=max_pods)


@given(ranges=st.lists(networks(), min_size=2, max_size=4))
def test_ranges_that_share_an_address_are_refused_and_no_others(ranges: list[IPv4Network]):
    shared = any(
        int(a.network_address) <= int(b.broadcast_address) and int(b.network_address) <= int(a.broadcast_address)
        for a, b in combinations(ranges, 2)
    )
    named = {f"range_{index}": str(network) for index, network in enumerate(ranges)}
    if shared:
        with pytest.raises(PydanticCustomError, match="overlaps"):
            require_apart(**named)
    else:
        require_apart(**named)
