from pathlib import Path
from typing import Any

import pytest

from ops.plan.graph import RecordedStack
from tests.infra.clusters.iam_table import rows, statements
from tests.infra.clusters.test_eks import NAMES, build
from tests.infra.clusters.test_eks_buckets import BUCKETS, INGESTION
from tests.support.recording import recorded

PAGE = Path(__file__).parents[3] / "docs/reference/iam.md"
TABLE = [
    tuple(cell.strip() for cell in line.strip("|").split(" | "))
    for line in PAGE.read_text().replace("\\|", "¦").splitlines()
    if line.startswith("| ") and not line.startswith("| principal")
]


def everything() -> RecordedStack:
    """Everything that a stack file may ask for, and one identity that is granted what a bucket grants."""

    def program() -> None:
        buckets = build(flow_logs=True, shared_volumes=True, buckets=BUCKETS).buckets
        buckets["documents"].grant_read("ingestion", INGESTION)
        buckets["backups"].grant_write("ingestion", INGESTION)

    return recorded(program, NAMES.stack)


@pytest.fixture(scope="module")
def stack() -> RecordedStack:
    return everything()


@pytest.fixture(scope="module")
def allowed(stack: RecordedStack) -> list[dict[str, Any]]:
    return [statement for _, statement in statements(stack) if statement["Effect"] == "Allow"]


def test_every_principal_action_and_resource_is_on_the_reviewed_page(stack: RecordedStack):
    reviewed = {tuple(cell.replace("¦", "|") for cell in row[:4]) for row in TABLE}
    assert rows(stack) == reviewed, "review what changed, then write it into docs/reference/iam.md"


def test_no_action_is_a_wildcard(allowed: list[dict[str, Any]]):
    assert not [s for s in allowed if "*" in str(s["Action"])]


def test_a_wildcard_resource_has_a_reason_on_the_page(allowed: list[dict[str, Any]]):
    without_reason = [row for row in TABLE if row[2] == "*" and not row[4]]
    assert not without_reason
    assert len([row for row in TABLE if row[2] == "*"]) == len([s for s in allowed if s.get("Resource") == "*"])


def test_pods_take_on_a_role_for_one_service_account_of_one_namespace_only(allowed: list[dict[str, Any]]):
    for statement in allowed:
        if statement.get("Principal") == {"Service": "pods.eks.amazonaws.com"}:
            assert statement["Action"] == ["sts:AssumeRole", "sts:TagSession"]
            keys = {key.rpartition("/")[2] for key in statement["Condition"]["StringEquals"]}
            assert keys == {"kubernetes-namespace", "kubernetes-service-account"}
