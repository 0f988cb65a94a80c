"""What the engine and we say together where something is wrong, and what is left then."""

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from threading import Event
from time import monotonic

import pytest

from tests.support.engine.checks import assert_no_changes
from tests.support.engine.cloud import Cloud
from tests.support.engine.workspace import Workspace

pytestmark = pytest.mark.needs("pulumi")

Workspaces = Callable[..., Workspace]


def test_placeholders_are_refused_by_an_update_each_by_its_key_before_anything_is_made(workspace: Workspaces) -> None:
    stack = workspace().stack("prod-aws-us-east-1")
    run = stack.up()
    assert run.exit_code == 1
    for key in ("cluster.account_id", "cluster.admin_role_arn", "app.image.repository", "app.image.digest"):
        assert f"ragspan:{key}: still holds the placeholder it was shipped with" in run.errors
    assert "Traceback" not in run.said
    assert {resource["type"] for resource in stack.state()} == {"pulumi:pulumi:Stack"}


def test_a_stack_that_does_not_fit_is_refused_in_the_words_of_its_file(workspace: Workspaces) -> None:
    stack = workspace().stack("local")
    stack.configure({"ragspan:vector_store.replicas": 2})
    run = stack.preview()
    assert run.exit_code == 1
    assert "stacks/Pulumi.local.yaml: ragspan:vector_store.replicas" in run.errors
    assert "Traceback" not in run.said


def test_what_vanished_from_the_cloud_is_noticed_and_made_again(workspace: Workspaces, cloud: Cloud) -> None:
    stack = workspace().stack("local")
    stack.up().succeeded()
    lost = next(key for key, live in cloud.live.items() if live.type == "kubernetes:apps/v1:Deployment")
    del cloud.live[lost]
    stack.refresh().succeeded()
    assert [(step.op, step.name) for step in stack.up().succeeded().changes] == [("create", "rag-api-deployment")]


def test_a_broken_state_file_is_refused_and_left_as_it_is(workspace: Workspaces) -> None:
    stack = workspace().stack("local")
    stack.up().succeeded()
    broken = stack.state_text()[:-200]
    stack.state_file.write_text(broken)
    run = stack.up()
    assert run.exit_code != 0
    assert "unexpected end of JSON" in run.said
    assert stack.state_text() == broken


def test_a_stale_state_makes_nothing_twice_and_the_right_one_goes_on(workspace: Workspaces, cloud: Cloud) -> None:
    stack = workspace().stack("local")
    stale = stack.state_text()
    stack.up().succeeded()
    right, existing = stack.state_text(), len(cloud.of_stack("local"))
    stack.state_file.write_text(stale)
    run = stack.up()
    assert run.exit_code == 1
    assert "namespace-ragspan already exists" in run.errors
    assert "Traceback" not in run.said
    assert len(cloud.of_stack("local")) == existing
    stack.state_file.write_text(right)
    assert_no_changes(stack.up())


def test_an_update_that_was_killed_leaves_a_lock_until_it_is_cancelled(workspace: Workspaces, tmp_path: Path) -> None:
    stack = replace(workspace("hangs"), time_limit_s=20).stack("hangs")
    stack.set_config("pid_file", json.dumps(str(tmp_path / "pid")).strip('"'))
    with pytest.raises(TimeoutError):
        stack.up()
    refused = stack.up()
    assert refused.exit_code != 0
    assert "the stack is currently locked by 1 lock" in refused.said
    assert "pulumi cancel" in refused.said
    assert stack.workspace.pulumi("cancel", "--yes", "--stack", "hangs").returncode == 0
    stack.refresh().succeeded()


def test_a_command_that_hangs_is_ended_in_time_with_its_program(workspace: Workspaces, tmp_path: Path) -> None:
    stack = replace(workspace("hangs"), time_limit_s=12).stack("hangs")
    pid_file = tmp_path / "pid"
    stack.set_config("pid_file", json.dumps(str(pid_file)).strip('"'))
    with pytest.raises(TimeoutError, match="took over 12 s"):
        stack.preview()
    deadline = monotonic() + 10
    while is_running(int(pid_file.read_text())) and monotonic() < deadline:
        Event().wait(0.05)
    assert not is_running(int(pid_file.read_text()))


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
