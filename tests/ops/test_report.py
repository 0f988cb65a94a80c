"""What a plan says: by component, with what it cannot see, and never a secret."""

import json
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import pulumi
import pulumi_kubernetes as k8s
import pytest
from pulumi import ResourceOptions
from rich.console import Console

from ops.plan.changes import compare
from ops.plan.manifests import render
from ops.plan.markdown import as_markdown
from ops.plan.policies import check_policies
from ops.plan.report import StackReport, as_json
from ops.plan.terminal import show
from tests.support.recording import recorded

CANARY = "canary-4711"


def program() -> None:
    component = pulumi.ComponentResource("ragspan:tests:Part", "part")
    opts = ResourceOptions(parent=component, protect=True)
    image, command = pulumi.Output.secret(f"{CANARY}:latest"), pulumi.Output.secret([CANARY])
    spec: Any = {"containers": [{"name": "server", "image": image, "command": command}]}
    k8s.core.v1.Pod("server", metadata={"name": "server"}, spec=spec, opts=opts)
    k8s.core.v1.Secret("key", metadata={"name": "key"}, string_data={"key": CANARY}, opts=opts)
    k8s.helm.v3.Release("chart", chart="chart", values={"key": pulumi.Output.secret(CANARY)})
    k8s.apiextensions.CustomResource("nim", api_version="apps.nvidia.com/v1alpha1", kind="NIMService", spec={})
    pulumi.ComponentResource("eks:index:Cluster", "remote", {"token": pulumi.Output.secret(CANARY)}, remote=True)
    pulumi.export("key", pulumi.Output.secret(CANARY))


@pytest.fixture(scope="module")
def report() -> StackReport:
    stack = recorded(program)
    return StackReport(stack=stack, verdicts=check_policies(stack))


def shown(report: StackReport, width: int = 200) -> str:
    text = StringIO()
    show([report], Console(file=text, width=width))
    return text.getvalue()


def test_a_sentence_stays_on_one_line_of_a_log(report: StackReport) -> None:
    (chart,) = [item for item in report.not_planned if item.subject == "chart"]
    assert f"  chart: {chart.reason}\n" in shown(report, width=40)


def test_json_has_the_agreed_keys(report: StackReport) -> None:
    document = as_json([report])
    (stack,) = document["stacks"]

    assert document["schema_version"] == 1
    assert set(stack) == {"name", "resources", "policies", "violations", "changes", "not_planned"}
    assert stack["changes"] is None
    keys = {"type", "name", "urn", "parent", "provider", "dependencies", "options", "inputs"}
    assert all(set(resource) == keys for resource in stack["resources"])
    assert all(set(p) == {"policy", "level", "checked", "violations", "skipped_reason"} for p in stack["policies"])
    assert all(set(v) == {"policy", "level", "urn", "message"} for v in stack["violations"])


def test_what_cannot_be_seen_is_named(report: StackReport) -> None:
    reasons = {item.subject: item.reason for item in report.not_planned}

    assert reasons["remote"] == "the children of eks:index:Cluster, which its plug-in makes during deployment"
    assert reasons["chart"] == "the objects of a chart, which is rendered during deployment"
    assert reasons["nim"] == "what the operator of NIMService creates from it"
    assert {"fit of pods to node pools", "quota per cloud family", "cost per month"} <= set(reasons)


def test_resources_stand_by_component(report: StackReport) -> None:
    rows = {row.label: row for row in report.components}

    assert rows["part"].kinds == "Pod, Secret"
    assert rows["part"].protected == 2
    assert rows["test"].kinds == "Cluster, NIMService, Release"
    assert report.summary == "5 resources in 1 component, 3 Kubernetes objects"


def test_a_secret_is_told_nowhere(report: StackReport, tmp_path: Path) -> None:
    render(report.stack, tmp_path)
    written = "".join(file.read_text() for file in tmp_path.rglob("*.yaml"))
    said = json.dumps(as_json([report])) + as_markdown([report]) + shown(report) + repr(report) + written

    assert "<secret>" in written
    assert "'<secret>' is not pinned" in said
    assert CANARY not in said


def test_what_an_update_would_do_is_told_only_where_there_is_something_to_compare_with(report: StackReport) -> None:
    compared = replace(report, changes=compare(report.stack, recorded(lambda: None)))
    refused = "delete server Pod  protected: an update stops here"

    assert "Changes" not in shown(report)
    assert "Update:" not in as_markdown([report])
    assert "Changes  5 to delete" in shown(compared)
    assert refused in shown(compared)
    assert "| ❗ delete | `server` Pod | protected: an update stops here |" in as_markdown([compared])
    assert {change["act"] for change in as_json([compared])["stacks"][0]["changes"]} == {"delete"}


def test_a_failure_does_not_tell_secrets() -> None:
    def failing() -> None:
        program()
        program()

    with pytest.raises(Exception) as failure:  # noqa: PT011 - whatever it is, it must not tell
        recorded(failing)
    assert CANARY not in repr(failure.getrepr(showlocals=False))


def test_a_rule_without_a_resource_is_not_shown_as_passed() -> None:
    stack = recorded(lambda: k8s.core.v1.ConfigMap("c", data={}))
    report = StackReport(stack=stack, verdicts=check_policies(stack))

    assert "- images-are-pinned mandatory  not evaluated: no resource of this stack is its concern" in shown(report)
    assert "| images-are-pinned | mandatory | not evaluated: " in as_markdown([report])
    assert "✔" not in shown(report)


def test_markdown_keeps_its_tables_whole() -> None:
    image: Any = {"containers": [{"name": "a|b", "image": "<img>"}]}
    stack = recorded(lambda: k8s.core.v1.Pod("p", spec=image))
    text = as_markdown([StackReport(stack=stack, verdicts=check_policies(stack))])

    assert "a\\|b" in text
    assert "<img>" not in text
