"""Buckets beside an EKS cluster, and what they grant."""

import json
from typing import Any

import pytest

from infra.clusters.eks import EksCluster
from infra.contracts import Bucket, Identity
from ops.plan.graph import RecordedStack
from tests.infra.clusters.test_eks import NAMES, build, sample_stack
from tests.support.recording import recorded

BUCKETS: dict[str, Any] = {"cold_after_days": 60, "keep_replaced_days": 30, "protect": True}
INGESTION = Identity(namespace="ragspan", service_account="ingestion")
ROLES = ["documents", "backups"]


def build_with_buckets(**changes: object) -> EksCluster:
    return build(buckets=BUCKETS | changes)


def granting() -> None:
    """One identity that is granted reading here and writing there, and another that is granted nothing."""
    buckets = build_with_buckets().buckets
    documents: Bucket = buckets["documents"]
    documents.grant_read("ingestion", INGESTION)
    buckets["backups"].grant_write("ingestion", INGESTION)


@pytest.fixture(scope="module")
def stack() -> RecordedStack:
    return recorded(granting, NAMES.stack)


def part(stack: RecordedStack, role: str, name: str) -> dict[str, Any]:
    return dict(stack.named(f"cluster-buckets-{role}-{name}").inputs)


def statements(stack: RecordedStack, name: str) -> list[dict[str, Any]]:
    return list(json.loads(stack.named(name).inputs["policy"])["Statement"])


@pytest.mark.parametrize("role", ROLES)
def test_a_bucket_is_versioned_private_and_protected(stack: RecordedStack, role: str):
    assert part(stack, role, "versions")["versioningConfiguration"] == {"status": "Enabled"}
    block = part(stack, role, "private")
    keys = ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")
    assert [block[key] for key in keys] == [True] * 4
    assert stack.named(f"cluster-buckets-{role}-bucket").options["protect"] is True


@pytest.mark.parametrize("role", ROLES)
def test_nobody_reads_or_writes_a_bucket_in_the_clear(stack: RecordedStack, role: str):
    (deny,) = statements(stack, f"cluster-buckets-{role}-policy")
    assert (deny["Effect"], deny["Principal"], deny["Action"]) == ("Deny", "*", "s3:*")
    assert deny["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    name = part(stack, role, "bucket")["bucket"]
    assert deny["Resource"] == [f"arn:aws:s3:::{name}", f"arn:aws:s3:::{name}/*"]


@pytest.mark.parametrize("role", ROLES)
def test_objects_are_encrypted_by_a_key_of_ours(stack: RecordedStack, role: str):
    (rule,) = part(stack, role, "encryption")["rules"]
    assert rule["applyServerSideEncryptionByDefault"]["sseAlgorithm"] == "aws:kms"
    assert rule["bucketKeyEnabled"] is True, "a grant of the key names the bucket, not each object"
    key = stack.named("cluster-buckets-objects-key")
    assert key.inputs["enableKeyRotation"] is True
    assert key.options["protect"] is True, "without it the buckets cannot be read"


def test_objects_grow_cold_by_age_and_replaced_ones_go(stack: RecordedStack):
    (rule,) = part(stack, "backups", "lifecycle")["rules"]
    moves = [(move["storageClass"], move["days"]) for move in rule["transitions"]]
    assert moves == [("STANDARD_IA", 60), ("GLACIER_IR", 425)]
    assert rule["noncurrentVersionExpiration"] == {"noncurrentDays": 30}
    versions = stack.named("cluster-buckets-backups-versions").urn
    assert versions in stack.named("cluster-buckets-backups-lifecycle").dependencies


def test_names_are_one_stacks_and_one_accounts(stack: RecordedStack):
    names = [part(stack, role, "bucket")["bucket"] for role in ROLES]
    assert len(set(names)) == 2
    assert all(name.startswith("ragspan-") and name.endswith("-111111111111") for name in names)


def test_reading_is_granted_without_writing(stack: RecordedStack):
    read = [action for s in statements(stack, "cluster-buckets-documents-ingestion-reads") for action in s["Action"]]
    assert "s3:GetObject" in read
    assert not [action for action in read if "Put" in action or "Delete" in action or "Generate" in action]


@pytest.mark.parametrize(("role", "verb"), [("documents", "reads"), ("backups", "writes")])
def test_a_grant_is_about_one_bucket_and_what_the_key_encrypts_there(stack: RecordedStack, role: str, verb: str):
    arn = f"arn:aws:s3:::{part(stack, role, 'bucket')['bucket']}"
    listing, objects, key = statements(stack, f"cluster-buckets-{role}-ingestion-{verb}")
    assert (listing["Resource"], objects["Resource"]) == (arn, f"{arn}/*")
    assert key["Condition"]["StringEquals"]["kms:EncryptionContext:aws:s3:arn"] == arn
    alias = stack.named("cluster-buckets-objects-alias").inputs["name"]
    assert key["Condition"]["ForAnyValue:StringEquals"] == {"kms:ResourceAliases": alias}


def test_an_identity_has_one_role_whatever_it_is_granted(stack: RecordedStack):
    association = stack.named("cluster-identity-ragspan-ingestion-association")
    assert (association.inputs["namespace"], association.inputs["serviceAccount"]) == ("ragspan", "ingestion")
    for grant in ("documents-ingestion-reads", "backups-ingestion-writes"):
        assert association.urn in stack.named(f"cluster-buckets-{grant}").dependencies


def test_there_are_no_buckets_and_no_key_unless_they_are_asked_for():
    assert [r.name for r in sample_stack().resources if "buckets" in r.name] == []
