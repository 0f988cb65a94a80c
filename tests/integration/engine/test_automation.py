"""The Automation API with the project's program inline, which a rollout over regions will use."""

from collections.abc import Callable
from pathlib import Path

import pytest
from pulumi import automation

from infra.config.load import from_file
from ops.plan.program import as_pulumi_config
from stacks.__main__ import main
from tests.support import parts
from tests.support.engine.workspace import Workspace
from tests.support.stacks import planned

pytestmark = pytest.mark.needs("pulumi")


def inline(workspace: Workspace, name: str) -> automation.Stack:
    """The stack of this name, its program in this process and its configuration from the shipped file."""
    folder = workspace.folder / "inline"
    folder.mkdir()
    root = workspace.folder / "cli"
    (root / "bin").mkdir(parents=True)
    (root / "bin" / "pulumi").symlink_to(parts.executable("pulumi"))
    options = automation.LocalWorkspaceOptions(
        work_dir=str(folder),
        pulumi_command=automation.PulumiCommand(root=str(root)),
        env_vars=workspace.environment,
    )
    stack = automation.create_stack(name, "ragspan", program=main, opts=options)
    config = as_pulumi_config(from_file(workspace.project / "stacks" / f"Pulumi.{name}.yaml"))
    stack.set_all_config({key: automation.ConfigValue(value) for key, value in config.items()})
    return stack


def test_an_inline_program_previews_updates_and_gives_its_outputs(
    workspace: Callable[..., Workspace], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    stack = inline(workspace(), "local")
    count = len(planned("local").resources) + 1  # and the stack itself
    assert stack.preview().change_summary == {automation.OpType.CREATE: count}
    update = stack.up()
    assert update.summary.result == "succeeded"
    assert {name: output.value for name, output in update.outputs.items()} == {
        "namespace": "ragspan",
        "api_address": "http://rag-api.ragspan.svc",
    }
    assert stack.up().summary.resource_changes == {"same": count}
