"""Who may do what in an EKS stack's account, as rows of the table in docs/reference/iam.md."""

import json
from collections.abc import Iterator
from typing import Any, cast

from ops.plan.graph import RecordedStack, Resource

Row = tuple[str, str, str, str]
"""Principal, actions, resources and conditions, each as the page has it."""

_DOCUMENTS = {
    "aws:iam/role:Role": "assumeRolePolicy",
    "aws:iam/rolePolicy:RolePolicy": "policy",
    "aws:efs/fileSystemPolicy:FileSystemPolicy": "policy",
    "aws:s3/bucketPolicy:BucketPolicy": "policy",
    "aws:sqs/queuePolicy:QueuePolicy": "policy",
}


def documents(stack: RecordedStack) -> Iterator[tuple[Resource, dict[str, Any]]]:
    """Every policy document, with the resource that carries it."""
    for resource in stack.resources:
        if resource.type in _DOCUMENTS:
            yield resource, json.loads(resource.inputs[_DOCUMENTS[resource.type]])


def statements(stack: RecordedStack) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every statement of every policy document, with the component that it belongs to."""
    for resource, document in documents(stack):
        owner = resource.name.removeprefix("cluster-").removesuffix("-role").removesuffix("-policy")
        for statement in document["Statement"]:
            yield owner, statement


def rows(stack: RecordedStack) -> set[Row]:
    """One row for each statement, and one for each managed policy."""
    found = {_row(owner, statement) for owner, statement in statements(stack)}
    for attached in stack.of_type("aws:iam/rolePolicyAttachment:RolePolicyAttachment"):
        owner, _, policy = attached.name.removeprefix("cluster-").rpartition("-")
        found.add((owner.removesuffix("-role"), f"AWS's `{policy}`", "", ""))
    return found


def _row(owner: str, statement: dict[str, Any]) -> Row:
    who = json.dumps(statement["Principal"]).strip('{}"') if "Principal" in statement else ""
    principal = f"{owner} ← {who.replace(chr(34), '')}" if who else owner
    verb = "" if statement["Effect"] == "Allow" else "DENY "
    return (
        principal,
        verb + ", ".join(_several(statement["Action"])),
        ", ".join(_several(statement.get("Resource", []))),
        "; ".join(_conditions(statement.get("Condition", {}))),
    )


def _conditions(condition: dict[str, dict[str, Any]]) -> Iterator[str]:
    for operator, tests in condition.items():
        for key, values in tests.items():
            yield f"{operator} {key} = {' | '.join(_several(values))}"


def _several(value: object) -> list[str]:
    return [str(item) for item in cast("list[object]", value)] if isinstance(value, list) else [str(value)]
