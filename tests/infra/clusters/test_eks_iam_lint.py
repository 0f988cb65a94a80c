"""Every policy document of an EKS stack, read by parliament: are its actions, resources and conditions those of AWS?"""

import json
import re
import subprocess
from pathlib import Path
from typing import Any, cast

import pytest

from ops.plan.graph import RecordedStack
from tests.infra.clusters.iam_table import documents
from tests.infra.clusters.test_eks_iam import everything
from tests.support import parts

ACCEPTED = {
    ("RESOURCE_MISMATCH", "ec2:RunInstances"): "allowed by several statements together, each with its own condition",
    ("RESOURCE_MISMATCH", "ec2:CreateFleet"): "allowed by several statements together, each with its own condition",
    # https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-public-parameters.html
    ("RESOURCE_MISMATCH", "ssm:GetParameter"): "AWS's public parameters belong to no account",
    # https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html#conditions-kms-resource-aliases
    ("UNKNOWN_CONDITION_FOR_ACTION", "kms:ResourceAliases"): "AWS lists it for the key, and not beside each action",
}
"""Findings that are known to be none, by kind and subject, each with the reason."""
SUPPLIED = {
    "aws:iam/role:Role": "arn:aws:iam::111111111111:role/itself",
    "aws:efs/fileSystemPolicy:FileSystemPolicy": "arn:aws:elasticfilesystem:us-east-1:111111111111:file-system/fs-1",
}
"""What AWS puts in for the resource of a policy that hangs on one; parliament wants it written."""


def lint(folder: Path, policies: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """What parliament finds in the documents, as it says it."""
    for name, document in policies.items():
        (folder / f"{name}.json").write_text(json.dumps(document))
    program = parts.executable("parliament")
    command = [program, "--json", "--directory", folder, "--include_policy_extension", "json"]
    run = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert run.returncode in {0, 1}, run.stderr
    return [json.loads(line) for line in run.stdout.splitlines()]


def subjects(finding: dict[str, Any]) -> list[tuple[str, str]]:
    """What a finding is about: the actions that match no resource, or the condition or action that is unknown."""
    issue, detail = str(finding["issue"]), finding["detail"]
    if isinstance(detail, list):
        return [(issue, entry["action"]) for entry in cast("list[dict[str, str]]", detail)]
    named = re.search(r"[\w-]+:\S+", str(detail))
    return [(issue, named[0] if named else str(detail))]


def completed(stack: RecordedStack) -> dict[str, dict[str, Any]]:
    """Every document by its resource's name, each statement with the resource that it is about."""
    found: dict[str, dict[str, Any]] = {}
    for resource, document in documents(stack):
        supplied = {"Resource": SUPPLIED[resource.type]} if resource.type in SUPPLIED else {}
        found[resource.name] = {**document, "Statement": [{**s, **supplied} for s in document["Statement"]]}
    return found


@pytest.mark.needs("parliament")
def test_every_document_is_right_to_parliament_but_for_what_is_accepted(tmp_path: Path):
    findings = {subject for finding in lint(tmp_path, completed(everything())) for subject in subjects(finding)}
    assert findings == set(ACCEPTED), "correct what is new, and remove from ACCEPTED what is no longer found"


@pytest.mark.needs("parliament")
@pytest.mark.parametrize(
    ("planted", "issue", "subject"),
    [
        ({"Action": "s3:GetObjekt"}, "UNKNOWN_ACTION", "s3:GetObjekt"),
        ({"Resource": "arn:aws:s3:::bucket"}, "RESOURCE_MISMATCH", "s3:GetObject"),
        ({"Condition": {"StringEquals": {"s3:nonsense": "1"}}}, "UNKNOWN_CONDITION_FOR_ACTION", "s3:nonsense"),
    ],
)
def test_a_planted_fault_is_found(tmp_path: Path, planted: dict[str, Any], issue: str, subject: str):
    statement = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::bucket/*"} | planted
    found = lint(tmp_path, {"planted": {"Version": "2012-10-17", "Statement": [statement]}})
    assert [subjects(finding) for finding in found] == [[(issue, subject)]]
