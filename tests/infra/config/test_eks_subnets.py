from ipaddress import IPv4Network
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import PydanticCustomError

from infra.config.eks_subnets import ADDRESSES_PER_NODE, TAKEN_ADDRESSES, require_room, subnets_over
from infra.config.pools import CpuPool, OnDemand

ZONES = ["a", "b", "c"]


@st.composite
def vpcs(draw: st.DrawFn) -> str:
    prefix = draw(st.integers(16, 20))
    return str(IPv4Network((draw(st.integers(0, 2**32 - 1)), prefix), strict=False))


@given(vpcs(), st.integers(2, 3))
def test_subnets_lie_in_the_vpc_and_share_no_address(vpc: str, zones: int):
    layout = subnets_over(vpc, ZONES[:zones])
    networks = [IPv4Network(cidr) for subnets in layout for cidr in (subnets.public, subnets.private)]
    assert all(network.subnet_of(IPv4Network(vpc)) for network in networks)
    assert not any(one.overlaps(other) for one, other in combinations(networks, 2))


@given(vpcs())
def test_every_zone_has_room_for_a_thousand_pods_and_a_load_balancer(vpc: str):
    reserved_by_aws = 5
    for subnets in subnets_over(vpc, ZONES):
        assert IPv4Network(subnets.private).num_addresses - reserved_by_aws >= 1000
        assert IPv4Network(subnets.public).prefixlen <= 27, "AWS load balancers need a /27 at least"


@given(vpcs())
def test_a_zone_that_is_appended_moves_no_other(vpc: str):
    assert subnets_over(vpc, ZONES)[:2] == subnets_over(vpc, ZONES[:2])


def pool(max_nodes: int) -> CpuPool:
    capacity = (OnDemand(kind="on_demand", max_nodes=max_nodes),)
    return CpuPool(kind="cpu", name="system", purpose="system", machine_type="m7i.xlarge", capacity=capacity)


def refusal(vpc: str, zones: int, max_nodes: int) -> dict[str, object]:
    """What the error says, or nothing."""
    try:
        require_room(vpc, ZONES[:zones], [pool(max_nodes)])
    except PydanticCustomError as error:
        return dict(error.context or {})
    return {}


@given(vpcs(), st.integers(2, 3), st.integers(1, 500))
def test_a_vpc_is_refused_exactly_where_the_largest_pools_have_no_room(vpc: str, zones: int, max_nodes: int):
    private = [IPv4Network(subnets.private) for subnets in subnets_over(vpc, ZONES[:zones])]
    fitting = sum((network.num_addresses - TAKEN_ADDRESSES) // ADDRESSES_PER_NODE for network in private)
    assert bool(refusal(vpc, zones, max_nodes)) == (fitting < max_nodes + 1)


@given(vpcs(), st.integers(2, 3), st.integers(1, 380))
def test_what_the_refusal_allows_is_not_refused(vpc: str, zones: int, max_nodes: int):
    allowed = str(refusal(vpc, zones, max_nodes).get("allowed", ""))
    if "/" in allowed:
        prefix = allowed.partition("/")[2].split()[0]
        assert refusal(f"10.0.0.0/{prefix}", zones, max_nodes) == {}
        assert refusal(f"10.0.0.0/{int(prefix) + 1}", zones, max_nodes)


@pytest.mark.parametrize("vpc", ["10.0.0.0/15", "10.0.0.0/21"])
def test_a_vpc_beyond_aws_or_too_small_for_pods_is_refused_with_the_remedy(vpc: str):
    found = refusal(vpc, 3, 1)
    assert (found["key"], found["value"], found["allowed"]) == ("vpc_cidr", vpc, "a prefix of /16 to /20")
    assert found["remedy"] == "write 10.0.0.0/16, say"
