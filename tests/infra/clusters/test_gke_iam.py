"""Every grant of a GKE stack stands on a reviewed page, and none is wider than one account, one role and one thing."""

from pathlib import Path

import pytest

from infra.contracts import Identity
from ops.plan.graph import COMPUTED, RecordedStack, Resource
from tests.infra.clusters.test_gke import build
from tests.support.recording import recorded

PAGE = Path(__file__).parents[3] / "docs/reference/iam-gke.md"
TABLE = [
    tuple(cell.strip() for cell in line.strip("|").split(" | "))
    for line in PAGE.read_text().splitlines()
    if line.startswith("| ") and not line.startswith("| principal |")
]
KEYS = "projects/some-project/locations/europe-west4/keyRings/ragspan/cryptoKeys"
GRANTED_ON = {
    "gcp:projects/iAMMember:IAMMember": "project",
    "gcp:kms/cryptoKeyIAMMember:CryptoKeyIAMMember": "cryptoKeyId",
    "gcp:storage/bucketIAMMember:BucketIAMMember": "bucket",
}
"""The kinds of grants, and the input that says on what."""


def program() -> None:
    buckets = {"cold_after_days": 60, "keep_replaced_days": 30, "protect": True, "encryption_key": f"{KEYS}/objects"}
    cluster = build(project_number="123456789012", database_encryption_key=f"{KEYS}/gke", buckets=buckets)
    cluster.buckets["documents"].grant_read("ingestion", Identity(namespace="ragspan", service_account="ingestion"))
    cluster.buckets["backups"].grant_write("weaviate", Identity(namespace="ragspan", service_account="weaviate"))


@pytest.fixture(scope="module")
def stack() -> RecordedStack:
    return recorded(program)


def row(grant: Resource) -> tuple[str, str, str]:
    member, on = str(grant.inputs["member"]), str(grant.inputs[GRANTED_ON[grant.type]])
    sources = grant.options.get("propertyDependencies", {})
    if member == COMPUTED:
        member = "the account of " + owner(sources["member"]).removesuffix("-account")
    return (
        member,
        grant.inputs["role"],
        on if on.startswith("projects/") or on == "some-project" else owner(sources["bucket"]),
    )


def owner(urns: list[str]) -> str:
    (urn,) = urns
    return urn.rpartition("::")[2]


def test_every_grant_is_on_the_reviewed_page_with_its_reason(stack: RecordedStack):
    granted = {row(resource) for resource in stack.resources if resource.type in GRANTED_ON}
    assert granted == {entry[:3] for entry in TABLE}, (
        "review what changed, then write it into docs/reference/iam-gke.md"
    )
    assert all(entry[3] for entry in TABLE)


def test_there_is_no_other_kind_of_grant_and_no_key_of_an_account(stack: RecordedStack):
    iam = {
        r.type for r in stack.resources if r.type.startswith("gcp:") and ("iam" in r.type.lower() or "Key" in r.type)
    }
    assert iam <= GRANTED_ON.keys()


def test_no_grant_is_basic_or_to_everyone(stack: RecordedStack):
    for member, role, _ in (row(resource) for resource in stack.resources if resource.type in GRANTED_ON):
        assert role not in {"roles/owner", "roles/editor", "roles/viewer"}
        assert not role.endswith((".admin", ".objectAdmin"))
        assert member not in {"allUsers", "allAuthenticatedUsers"}
        assert "*" not in member
