"""Volumes and snapshots of an EKS cluster."""

import json
from typing import Any

import pytest

from ops.plan.graph import RecordedStack
from tests.infra.clusters.test_eks import ADDON, NAMES, SECTION, build, sample_stack
from tests.support.recording import recorded

CLASS = "kubernetes:storage.k8s.io/v1:StorageClass"
DEFAULT = "storageclass.kubernetes.io/is-default-class"


@pytest.fixture
def stack() -> RecordedStack:
    return sample_stack()


@pytest.fixture(scope="module")
def shared() -> RecordedStack:
    return recorded(lambda: build(shared_volumes=True), NAMES.stack)


def classes(stack: RecordedStack) -> dict[str, dict[str, Any]]:
    return {found.inputs["metadata"]["name"]: dict(found.inputs) for found in stack.of_type(CLASS)}


def test_each_class_of_volumes_says_whether_they_outlive_their_claim(stack: RecordedStack):
    policies = {name: found["reclaimPolicy"] for name, found in classes(stack).items()}
    assert policies == {
        "ragspan-ssd": "Retain",
        "ragspan-retained": "Retain",
        "ragspan-standard": "Delete",
        "ragspan-default": "Delete",
    }


def test_disks_are_encrypted_wait_for_their_pods_zone_and_can_grow(stack: RecordedStack):
    for found in classes(stack).values():
        assert found["parameters"]["encrypted"] == "true"
        assert (found["volumeBindingMode"], found["allowVolumeExpansion"]) == ("WaitForFirstConsumer", True)
    assert classes(stack)["ragspan-ssd"]["parameters"]["type"] == "gp3"


def test_stateful_services_claim_the_fast_class(stack: RecordedStack):
    assert (stack.named("cluster").outputs or {})["storage_class"] == "ragspan-ssd"


def test_exactly_one_class_is_the_default(stack: RecordedStack, shared: RecordedStack):
    for built in (stack, shared):
        found = {name: choice["metadata"] for name, choice in classes(built).items()}
        assert [name for name, metadata in found.items() if "annotations" in metadata] == ["ragspan-default"]
        assert found["ragspan-default"]["annotations"] == {DEFAULT: "true"}


def test_snapshots_outlive_their_objects_and_come_after_their_controller(stack: RecordedStack):
    snapshots = stack.named("cluster-snapshots")
    assert (snapshots.inputs["driver"], snapshots.inputs["deletionPolicy"]) == ("ebs.csi.aws.com", "Retain")
    controller = stack.named("cluster-snapshot-controller-addon").urn
    assert controller in snapshots.dependencies
    assert controller in stack.named("cluster-aws-ebs-csi-driver-addon").dependencies, "it looks for the kinds once"


def test_shared_volumes_have_a_class_a_driver_and_a_file_system_only_where_they_are_wanted(
    stack: RecordedStack, shared: RecordedStack
):
    kinds = ("aws:efs/fileSystem:FileSystem", "aws:efs/fileSystemPolicy:FileSystemPolicy")
    for built, wanted in ((shared, 1), (stack, 0)):
        assert [len(built.of_type(kind)) for kind in kinds] == [wanted, wanted]
        drivers = [a for a in built.of_type(ADDON) if a.inputs["addonName"] == "aws-efs-csi-driver"]
        assert len(drivers) == ("ragspan-shared" in classes(built)) == wanted


def test_a_shared_volume_is_a_folder_of_its_own_and_goes_with_its_claim(shared: RecordedStack):
    found = classes(shared)["ragspan-shared"]
    assert (found["provisioner"], found["reclaimPolicy"]) == ("efs.csi.aws.com", "Delete")
    assert found["parameters"]["basePath"] != "/"
    settings = json.loads(shared.named("cluster-aws-efs-csi-driver-addon").inputs["configurationValues"])
    assert settings == {"controller": {"deleteAccessPointRootDir": True}}


def test_every_zone_has_a_way_to_the_shared_volumes_which_only_nodes_may_take(shared: RecordedStack):
    targets = shared.of_type("aws:efs/mountTarget:MountTarget")
    assert [target.name for target in targets] == [f"cluster-volumes-{zone}" for zone in SECTION["zones"]]
    (rule,) = shared.named("cluster-volumes-clients").inputs["ingress"]
    assert (rule["fromPort"], rule["toPort"]) == (2049, 2049)
    assert rule["securityGroups"]
    assert "cidrBlocks" not in rule


def test_shared_volumes_are_encrypted_at_rest_and_on_the_way(shared: RecordedStack):
    assert shared.named("cluster-volumes-files").inputs["encrypted"] is True
    _, deny = json.loads(shared.named("cluster-volumes-policy").inputs["policy"])["Statement"]
    assert (deny["Effect"], deny["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})
