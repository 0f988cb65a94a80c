import json

import pytest

from ops.plan.graph import RecordedStack
from tests.infra.clusters.test_eks import NAMES, build, sample_stack
from tests.support.recording import recorded

NAT = "aws:ec2/natGateway:NatGateway"
ENDPOINT = "aws:ec2/vpcEndpoint:VpcEndpoint"
ZONES = ("us-east-1a", "us-east-1b", "us-east-1c")


@pytest.fixture
def plain() -> RecordedStack:
    return sample_stack()


@pytest.fixture(scope="module")
def full() -> RecordedStack:
    return recorded(lambda: build(nat_gateways="one_per_zone", interface_endpoints=True, flow_logs=True), NAMES.stack)


def services(stack: RecordedStack) -> dict[str, str]:
    return {e.inputs["serviceName"]: e.inputs["vpcEndpointType"] for e in stack.of_type(ENDPOINT)}


def nat_of(stack: RecordedStack, zone: str) -> str:
    route = stack.named(f"cluster-network-private-{zone}-default")
    return next(urn for urn in route.dependencies if NAT in urn).rpartition("::")[2]


def test_one_gateway_serves_every_zone(plain: RecordedStack):
    assert {nat_of(plain, zone) for zone in ZONES} == {"cluster-network-nat-us-east-1a"}


def test_a_gateway_per_zone_keeps_every_zone_to_itself(full: RecordedStack):
    assert [nat_of(full, zone) for zone in ZONES] == [f"cluster-network-nat-{zone}" for zone in ZONES]


def test_more_gateways_only_add_to_what_stands(plain: RecordedStack):
    more = recorded(lambda: build(nat_gateways="one_per_zone"), NAMES.stack)
    assert {r.urn for r in plain.resources} < {r.urn for r in more.resources}


def test_a_gateway_comes_after_the_way_to_the_internet(plain: RecordedStack):
    assert (
        plain.named("cluster-network-public-default").urn in plain.named("cluster-network-nat-us-east-1a").dependencies
    )


def test_image_layers_never_pay_for_nat(plain: RecordedStack):
    assert services(plain) == {"com.amazonaws.us-east-1.s3": "Gateway"}
    tables = plain.named("cluster-network-endpoints-s3").options["propertyDependencies"]["routeTableIds"]
    assert len(tables) == len(ZONES)


def test_nodes_reach_the_services_that_they_need_inside_the_vpc(full: RecordedStack):
    interfaces = [name.split(".", 3)[3] for name, kind in services(full).items() if kind == "Interface"]
    assert sorted(interfaces) == ["ec2", "ecr.api", "ecr.dkr", "eks-auth", "logs", "sts"]
    group = full.named("cluster-network-endpoints-clients").inputs["ingress"]
    assert [(rule["fromPort"], rule["cidrBlocks"]) for rule in group] == [(443, ["10.0.0.0/16"])]


def test_flow_logs_are_written_by_a_role_that_can_write_there_only(full: RecordedStack):
    group = full.named("cluster-network-flow-logs-logs").inputs
    assert (group["name"], group["retentionInDays"]) == ("/aws/vpc/ragspan-prod-aws-us-east-1-flow-logs", 90)
    write, listing = json.loads(full.named("cluster-network-flow-logs-role-policy").inputs["policy"])["Statement"]
    assert (listing["Action"], listing["Resource"]) == ("logs:DescribeLogGroups", "*")
    assert write["Resource"] == f"arn:aws:logs:us-east-1:111111111111:log-group:{group['name']}:*"
