import json
from base64 import b64decode
from functools import cache
from typing import Any

import pytest

from infra.clusters.eks import EksCluster, EksClusterArgs
from infra.config.eks import EksCluster as Config
from infra.contracts import KubernetesCluster, Placement, Toleration
from infra.naming import Names, NameTooLong
from infra.versions import MinorNotPinned
from ops.plan.graph import RecordedStack, Resource
from tests.support.recording import recorded

ADMIN = "arn:aws:iam::111111111111:role/platform-admin"
GPU_POOL: dict[str, Any] = {
    "kind": "gpu",
    "name": "l4",
    "machine_type": "g6.2xlarge",
    "accelerator": "nvidia-l4",
    "disk_size_gb": 300,
    "capacity": ({"kind": "on_demand", "max_nodes": 2}, {"kind": "spot", "max_nodes": 4}),
}
SYSTEM_POOL: dict[str, Any] = {
    "kind": "cpu",
    "name": "system",
    "purpose": "system",
    "machine_type": "m7i.2xlarge",
    "capacity": ({"kind": "on_demand", "min_nodes": 3, "max_nodes": 6},),
}
SECTION: dict[str, Any] = {
    "kind": "eks",
    "account_id": "111111111111",
    "region": "us-east-1",
    "zones": ("us-east-1a", "us-east-1b", "us-east-1c"),
    "kubernetes_minor": "1.34",
    "vpc_cidr": "10.0.0.0/16",
    "admin_role_arn": ADMIN,
    "deletion_protection": True,
    "pools": (GPU_POOL, SYSTEM_POOL),
}
NAMES = Names(stack="prod-aws-us-east-1", environment="prod")
NODE_GROUP = "aws:eks/nodeGroup:NodeGroup"
ADDON = "aws:eks/addon:Addon"


def build(**changes: object) -> EksCluster:
    return EksCluster("cluster", EksClusterArgs(config=Config.model_validate(SECTION | changes), names=NAMES))


@cache
def sample_stack() -> RecordedStack:
    """The cluster of `SECTION`, recorded once for all modules that ask."""
    return recorded(build, NAMES.stack)


@pytest.fixture
def stack() -> RecordedStack:
    return sample_stack()


@pytest.fixture
def cluster(stack: RecordedStack) -> Resource:
    return stack.named("cluster-control-plane-cluster")


def addon(stack: RecordedStack, name: str) -> Resource:
    return stack.named(f"cluster-{name}-addon")


def test_it_satisfies_the_contract_and_places_pods_on_its_pools():
    placements: list[Placement] = []

    def program() -> None:
        built: KubernetesCluster = build()
        placements.extend([built.place_on_system_pool(), built.place_on_gpu_pool("l4")])

    recorded(program)
    gpu = Toleration(key="nvidia.com/gpu", value="present")
    assert placements == [
        Placement(node_selector={"ragspan.dev/pool": "system"}),
        Placement(node_selector={"ragspan.dev/pool": "l4"}, tolerations=(gpu,)),
    ]


def test_everything_goes_through_the_provider_that_refuses_other_accounts(stack: RecordedStack):
    provider = stack.named("cluster-aws")
    assert json.loads(provider.inputs["allowedAccountIds"]) == ["111111111111"]
    assert {r.provider for r in stack.resources if r.type.startswith("aws:")} == {provider.urn}


def test_the_control_plane_is_private_unless_networks_are_named(cluster: Resource):
    assert cluster.inputs["vpcConfig"]["endpointPublicAccess"] is False
    networks = ("198.51.100.0/24",)
    public = recorded(lambda: build(public_access_cidrs=networks)).named("cluster-control-plane-cluster")
    assert public.inputs["vpcConfig"]["endpointPublicAccess"] is True
    assert public.inputs["vpcConfig"]["publicAccessCidrs"] == list(networks)
    assert public.inputs["vpcConfig"]["endpointPrivateAccess"] is True


def test_only_the_administrator_role_is_let_in(stack: RecordedStack, cluster: Resource):
    access = cluster.inputs["accessConfig"]
    assert access == {"authenticationMode": "API", "bootstrapClusterCreatorAdminPermissions": False}
    (policy,) = stack.of_type("aws:eks/accessPolicyAssociation:AccessPolicyAssociation")
    assert policy.inputs["principalArn"] == ADMIN
    kinds = {entry.name: entry.inputs.get("type") for entry in stack.of_type("aws:eks/accessEntry:AccessEntry")}
    assert kinds == {"cluster-control-plane-administrators": None, "cluster-karpenter-nodes-entry": "EC2_LINUX"}


def test_nothing_is_put_into_the_cluster_before_the_administrator_is_let_in(stack: RecordedStack):
    administration = stack.named("cluster-control-plane-administration")
    assert administration.urn in stack.named("cluster-kubernetes").dependencies


def test_a_protected_cluster_and_its_key_are_protected(stack: RecordedStack, cluster: Resource):
    assert cluster.inputs["deletionProtection"] is True
    assert cluster.options["protect"] is True
    assert stack.named("cluster-control-plane-secrets").options["protect"] is True


def test_an_unprotected_cluster_can_be_destroyed():
    stack = recorded(lambda: build(deletion_protection=False))
    assert stack.named("cluster-control-plane-cluster").inputs["deletionProtection"] is False
    assert [r.name for r in stack.resources if r.options.get("protect")] == []


def test_secrets_are_encrypted_by_a_key_of_ours(cluster: Resource):
    assert cluster.inputs["encryptionConfig"]["resources"] == ["secrets"]


def test_logs_are_kept_for_a_stated_time_from_the_first_line(stack: RecordedStack, cluster: Resource):
    logs = stack.named("cluster-control-plane-logs")
    assert (logs.inputs["name"], logs.inputs["retentionInDays"]) == ("/aws/eks/ragspan-prod/cluster", 90)
    assert logs.urn in cluster.dependencies


def test_network_policies_are_enforced(stack: RecordedStack):
    values = json.loads(addon(stack, "vpc-cni").inputs["configurationValues"])
    assert values["enableNetworkPolicy"] == "true"


def test_every_node_has_room_for_as_many_pods_as_kubernetes_advises(stack: RecordedStack):
    values = json.loads(addon(stack, "vpc-cni").inputs["configurationValues"])
    assert values["env"]["ENABLE_PREFIX_DELEGATION"] == "true"
    (template,) = stack.of_type("aws:ec2/launchTemplate:LaunchTemplate")
    assert b64decode(template.inputs["userData"]) == b"[settings.kubernetes]\nmax-pods = 110\n"


def test_each_addon_has_one_owner_and_one_pin(stack: RecordedStack, cluster: Resource):
    assert cluster.inputs["bootstrapSelfManagedAddons"] is False
    pins = {r.inputs["addonName"]: r.inputs["addonVersion"] for r in stack.of_type(ADDON)}
    assert len(stack.of_type(ADDON)) == len(pins) == 6
    assert pins["kube-proxy"].startswith("v1.34."), "kube-proxy follows the cluster's minor"


def test_addons_that_nodes_need_come_before_nodes_and_those_that_need_nodes_after(stack: RecordedStack):
    system = stack.named("cluster-pool-system-on-demand", NODE_GROUP)
    needed = {addon(stack, name).urn for name in ("vpc-cni", "kube-proxy", "eks-pod-identity-agent")}
    assert needed <= set(system.dependencies)
    for name in ("coredns", "aws-ebs-csi-driver", "snapshot-controller"):
        assert system.urn in addon(stack, name).dependencies


def test_the_volume_driver_acts_by_pod_identity_and_for_its_own_service_account_only(stack: RecordedStack):
    trust = json.loads(stack.named("cluster-aws-ebs-csi-driver-identity-role").inputs["assumeRolePolicy"])
    (statement,) = trust["Statement"]
    assert statement["Principal"] == {"Service": "pods.eks.amazonaws.com"}
    assert statement["Action"] == ["sts:AssumeRole", "sts:TagSession"]
    assert set(statement["Condition"]["StringEquals"].values()) == {"kube-system", "ebs-csi-controller-sa"}


def test_roles_hold_managed_policies_of_their_task_only(stack: RecordedStack):
    attachments = stack.of_type("aws:iam/rolePolicyAttachment:RolePolicyAttachment")
    assert sorted(a.inputs["policyArn"].rpartition("/")[2] for a in attachments) == [
        "AmazonEBSCSIDriverPolicyV2",
        "AmazonEC2ContainerRegistryPullOnly",
        "AmazonEC2ContainerRegistryPullOnly",
        "AmazonEKSClusterPolicy",
        "AmazonEKSWorkerNodePolicy",
        "AmazonEKSWorkerNodePolicy",
        "AmazonEKS_CNI_Policy",
    ]


def test_nodes_have_no_public_addresses(stack: RecordedStack):
    subnets = stack.of_type("aws:ec2/subnet:Subnet")
    assert {subnet.inputs["mapPublicIpOnLaunch"] for subnet in subnets} == {False}
    private = stack.named("cluster-network-private-us-east-1a-default")
    assert "natGatewayId" in private.inputs
    assert "gatewayId" not in private.inputs
    assert private.urn in stack.named("cluster-pool-system-on-demand", NODE_GROUP).dependencies


def test_the_disk_that_holds_images_has_the_configured_size_and_is_encrypted(stack: RecordedStack):
    (template,) = [found.inputs for found in stack.of_type("aws:ec2/launchTemplate:LaunchTemplate")]
    disks = {disk["deviceName"]: disk["ebs"] for disk in template["blockDeviceMappings"]}
    assert disks["/dev/xvdb"]["volumeSize"] == 100
    assert {disk["encrypted"] for disk in disks.values()} == {"true"}


def test_pods_cannot_take_the_nodes_credentials(stack: RecordedStack):
    for template in stack.of_type("aws:ec2/launchTemplate:LaunchTemplate"):
        options = template.inputs["metadataOptions"]
        assert (options["httpTokens"], options["httpPutResponseHopLimit"]) == ("required", 1)


def test_the_group_that_carries_karpenter_has_one_size_and_nobody_else_sets_it(stack: RecordedStack):
    (group,) = stack.of_type(NODE_GROUP)
    assert group.inputs["scalingConfig"] == {"minSize": 3, "maxSize": 3, "desiredSize": 3}
    assert "ignoreChanges" not in group.options


def test_a_new_kubeconfig_replaces_nothing_in_the_cluster(stack: RecordedStack):
    provider = stack.named("cluster-kubernetes")
    assert provider.inputs["clusterIdentifier"] == "eks_111111111111_us-east-1_ragspan-prod"


def test_a_minor_without_pinned_addons_is_refused_with_those_that_have_them():
    with pytest.raises(MinorNotPinned, match=r"kubernetes_minor is '1\.99'.*allowed: 1\.33, .*infra/versions\.py"):
        recorded(lambda: build(kubernetes_minor="1.99"))


def test_a_pool_name_that_leaves_no_room_for_its_group_is_refused():
    long = {**SYSTEM_POOL, "name": "a" * 32}
    with pytest.raises(NameTooLong, match=r"42 characters where 36 are allowed; shorten the pool's name"):
        recorded(lambda: build(pools=(long,)))
