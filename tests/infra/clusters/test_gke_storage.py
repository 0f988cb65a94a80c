"""Volumes, snapshots and buckets of a GKE cluster."""

from typing import Any

import pytest
from pydantic import ValidationError

from infra.clusters.gke import GkeCluster
from infra.contracts import Bucket, Identity
from ops.plan.graph import RecordedStack
from tests.infra.clusters.test_gke import build
from tests.support.recording import recorded

BUCKETS: dict[str, Any] = {"cold_after_days": 60, "keep_replaced_days": 30, "protect": True}
KEY = "projects/some-project/locations/europe-west4/keyRings/ragspan/cryptoKeys/objects"
NUMBER = "123456789012"
CLASS = "kubernetes:storage.k8s.io/v1:StorageClass"


def build_with_buckets(**changes: object) -> GkeCluster:
    return build(project_number=NUMBER, buckets=BUCKETS | changes)


@pytest.fixture(scope="module")
def stack() -> RecordedStack:
    return recorded(build_with_buckets)


def test_each_class_of_volumes_says_whether_they_outlive_their_claim(stack: RecordedStack):
    policies = {c.inputs["metadata"]["name"]: c.inputs["reclaimPolicy"] for c in stack.of_type(CLASS)}
    assert policies == {"ragspan-ssd": "Retain", "ragspan-retained": "Retain", "ragspan-standard": "Delete"}


def test_googles_default_class_stays_the_only_one(stack: RecordedStack):
    assert [c.name for c in stack.of_type(CLASS) if "annotations" in c.inputs["metadata"]] == []


def test_shared_volumes_have_a_class_and_a_driver_only_where_they_are_wanted(stack: RecordedStack):
    with_shared = recorded(lambda: build(shared_volumes=True))
    shared = with_shared.named("cluster-shared").inputs
    assert shared["provisioner"] == "filestore.csi.storage.gke.io"
    for built, enabled in ((with_shared, True), (stack, False)):
        addons = built.named("cluster-control-plane").inputs["addonsConfig"]
        assert addons["gcpFilestoreCsiDriverConfig"] == {"enabled": enabled}


def test_snapshots_outlive_their_objects_and_stay_in_the_region(stack: RecordedStack):
    snapshots = stack.named("cluster-snapshots").inputs
    assert (snapshots["driver"], snapshots["deletionPolicy"]) == ("pd.csi.storage.gke.io", "Retain")
    assert snapshots["parameters"] == {"storage-locations": "europe-west4"}


@pytest.mark.parametrize("role", ["documents", "backups"])
def test_a_bucket_is_versioned_private_and_protected(stack: RecordedStack, role: str):
    bucket = stack.named(f"cluster-{role}-bucket")
    assert bucket.inputs["versioning"] == {"enabled": True}
    assert bucket.inputs["uniformBucketLevelAccess"] is True
    assert bucket.inputs["publicAccessPrevention"] == "enforced"
    assert bucket.options["protect"] is True


def test_objects_grow_cold_by_age_and_replaced_ones_go(stack: RecordedStack):
    rules = stack.named("cluster-backups-bucket").inputs["lifecycleRules"]
    moves = [(rule["action"].get("storageClass"), rule["condition"].get("age")) for rule in rules]
    assert moves[:2] == [("NEARLINE", 60), ("ARCHIVE", 425)]
    assert rules[2]["condition"] == {"daysSinceNoncurrentTime": 30, "withState": "ARCHIVED"}


def test_a_key_of_our_own_is_granted_to_googles_agent_before_the_bucket_needs_it():
    stack = recorded(lambda: build_with_buckets(encryption_key=KEY))
    grant, bucket = stack.named("cluster-backups-key"), stack.named("cluster-backups-bucket")
    assert grant.inputs["member"] == f"serviceAccount:service-{NUMBER}@gs-project-accounts.iam.gserviceaccount.com"
    assert bucket.inputs["encryption"] == {"defaultKmsKeyName": KEY}
    assert grant.urn in bucket.dependencies


def test_the_control_planes_key_is_granted_before_the_cluster_needs_it():
    stack = recorded(lambda: build(project_number=NUMBER, database_encryption_key=KEY))
    grant, cluster = stack.named("cluster-key"), stack.named("cluster-control-plane")
    assert cluster.inputs["databaseEncryption"] == {"state": "ENCRYPTED", "keyName": KEY}
    assert grant.urn in cluster.dependencies


@pytest.mark.parametrize(("verb", "role"), [("read", "objectViewer"), ("write", "objectUser")])
def test_a_grant_lets_one_service_account_do_one_thing_in_one_bucket(verb: str, role: str):
    def program() -> None:
        bucket: Bucket = build_with_buckets().buckets["documents"]
        grant = {"read": bucket.grant_read, "write": bucket.grant_write}[verb]
        grant("ingestion", Identity(namespace="ragspan", service_account="ingestion"))

    grant = recorded(program).named(f"cluster-documents-ingestion-{verb}s")
    assert grant.inputs["role"] == f"roles/storage.{role}"
    assert grant.inputs["member"] == (
        f"principal://iam.googleapis.com/projects/{NUMBER}/locations/global/workloadIdentityPools/"
        "some-project.svc.id.goog/subject/ns/ragspan/sa/ingestion"
    )


def test_what_is_granted_needs_the_projects_number():
    with pytest.raises(ValidationError, match="accounts that the project's number names"):
        build(buckets=BUCKETS)
