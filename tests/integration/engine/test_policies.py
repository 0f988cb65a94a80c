"""The policy pack as the engine runs it: by its real analyser, on what a program really registers."""

import shutil
from collections.abc import Callable

import pytest

from tests.support.engine.workspace import PROGRAMS, Stack, Workspace

pytestmark = pytest.mark.needs("pulumi")

Workspaces = Callable[..., Workspace]
PINNED = "registry.example/app:1.2.3"


def pods(workspace: Workspaces, image: str) -> Stack:
    """A stack of one Deployment with this image."""
    stack = workspace("pods").stack("pods")
    stack.set_config("image", image)
    return stack


def deployments(stack: Stack) -> int:
    return sum(resource["type"] == "kubernetes:apps/v1:Deployment" for resource in stack.state())


def test_a_shipped_stack_passes(workspace: Workspaces) -> None:
    run = workspace().stack("local").preview("--policy-pack", "policies").succeeded()
    assert run.violations == []
    assert "✅ ragspan" in run.said


def test_a_mandatory_violation_fails_preview_and_update_in_our_words(workspace: Workspaces) -> None:
    stack = pods(workspace, "registry.example/app:latest")
    for run in (stack.preview("--policy-pack", "policies"), stack.up("--policy-pack", "policies")):
        assert run.exit_code != 0
        assert {(v.policy, v.level) for v in run.violations} == {("images-are-pinned", "mandatory")}
        assert "container app: image 'registry.example/app:latest' is not pinned" in run.violations[0].message
    assert deployments(stack) == 0


def test_an_advisory_violation_is_said_and_fails_nothing(workspace: Workspaces) -> None:
    stack = pods(workspace, PINNED)
    shutil.copytree(PROGRAMS / "advice", stack.workspace.project / "advice")
    run = stack.up("--policy-pack", "policies", "--policy-pack", "advice").succeeded()
    assert {(v.policy, v.level) for v in run.violations} == {("several-replicas", "advisory")}
    assert deployments(stack) == 1


def test_what_a_preview_cannot_know_is_said_there_and_enforced_by_the_update(workspace: Workspaces) -> None:
    stack = pods(workspace, "unknown")
    preview = stack.preview("--policy-pack", "policies").succeeded()
    assert {(v.policy, v.level) for v in preview.violations} == {("images-are-pinned", "advisory")}
    assert "can't be known during preview" in preview.violations[0].message
    update = stack.up("--policy-pack", "policies")
    assert update.exit_code != 0
    assert {(v.policy, v.level) for v in update.violations} == {("images-are-pinned", "mandatory")}
    assert deployments(stack) == 0
