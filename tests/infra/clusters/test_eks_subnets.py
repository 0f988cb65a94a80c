from ipaddress import IPv4Network
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.clusters.eks_subnets import VpcSizeRefused, subnets_over

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


@pytest.mark.parametrize("vpc", ["10.0.0.0/15", "10.0.0.0/21"])
def test_a_vpc_without_room_or_beyond_aws_is_refused_with_the_remedy(vpc: str):
    with pytest.raises(VpcSizeRefused, match=f"vpc_cidr is {vpc}; allowed: /16.*to /20.*write 10.0.0.0/16"):
        subnets_over(vpc, ZONES)
