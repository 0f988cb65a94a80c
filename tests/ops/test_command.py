"""`ragspan plan` as a user calls it."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from infra.config.load import stack_files
from ops.plan.command import plan
from ragspan.cli import main


def call(*arguments: str | Path) -> Result:
    return CliRunner().invoke(plan, [str(argument) for argument in arguments])


def local_file(folder: Path, old: str = "", new: str = "") -> Path:
    text = stack_files()["local"].read_text(encoding="utf-8")
    assert old in text
    file = folder / "Pulumi.local.yaml"
    file.write_text(text.replace(old, new, 1), encoding="utf-8")
    return file


def test_a_clean_stack_is_a_table_and_status_0() -> None:
    result = call("local")

    assert result.exit_code == 0
    assert "    weaviate" in result.stdout
    assert "✔ images-are-pinned" in result.stdout
    assert "1 stack, 0 mandatory violations" in result.stdout
    assert re.search(r"local: \d+ resources planned in \d", result.stderr)


def test_json_is_all_that_stdout_holds() -> None:
    result = call("local", "--json")

    assert [stack["name"] for stack in json.loads(result.stdout)["stacks"]] == ["local"]
    assert result.exit_code == 0


def test_markdown_has_a_section_per_stack() -> None:
    assert call("local", "--markdown").stdout.startswith("### `local` ✅\n")


def test_manifests_are_rendered_below_the_stack(tmp_path: Path) -> None:
    result = call("local", "--render", tmp_path)

    assert (tmp_path / "local" / "StatefulSet-ragspan-weaviate.yaml").is_file()
    assert f"manifests in {tmp_path}/local" in result.stderr


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    result = call("local", "--render", tmp_path / "file" / "out")

    assert (result.exit_code, f"--render {tmp_path}/file/out cannot be written (" in result.stderr) == (2, True)


def test_a_folder_of_others_is_bad_input(tmp_path: Path) -> None:
    (tmp_path / "local").mkdir()
    (tmp_path / "local" / "notes.txt").touch()
    result = call("local", "--render", tmp_path)

    assert result.exit_code == 2
    assert "holds notes.txt" in result.stderr


def test_a_mandatory_violation_is_status_1(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("policies.rules.images_are_pinned._FULL_VERSION", re.compile("never"))
    result = call("local")

    assert result.exit_code == 1
    assert "✘ images-are-pinned mandatory" in result.stdout


def test_an_earlier_folder_says_what_an_update_would_do(tmp_path: Path) -> None:
    local_file(tmp_path, "log_level: debug", "log_level: info")
    result = call("local", "--before", tmp_path)

    assert "Changes  1 to update" in result.stdout
    assert re.search(r"update rag-api-deployment Deployment  spec\.template\.spec\.containers\[0\]\.env", result.stdout)


def test_a_stack_that_the_earlier_folder_has_not_is_new(tmp_path: Path) -> None:
    (tmp_path / "Pulumi.other.yaml").touch()

    assert re.search(r"Changes  \d+ to create\n", call("local", "--before", tmp_path).stdout)


def test_an_earlier_folder_must_hold_stack_files_that_this_program_takes(tmp_path: Path) -> None:
    empty = call("local", "--before", tmp_path)
    local_file(tmp_path, "log_level: debug", "log_level: loud")
    refused = call("local", "--before", tmp_path)

    assert (empty.exit_code, refused.exit_code) == (2, 2)
    assert "holds no stack file; name a folder" in empty.stderr
    assert "--before cannot be compared with: " in refused.stderr
    assert "ragspan:app.log_level" in refused.stderr


def test_an_update_that_skips_a_minor_of_eks_is_refused_before_it_is_planned(tmp_path: Path) -> None:
    shipped = stack_files()["prod-aws-us-east-1"]
    (tmp_path / shipped.name).write_text(shipped.read_text().replace('minor: "1.35"', 'minor: "1.33"'))
    result = call("prod-aws-us-east-1", "--before", tmp_path)

    assert result.exit_code == 2
    assert f"{shipped.name}: ragspan:cluster.kubernetes_minor: EKS moves one minor at a time" in result.stderr
    assert "planned" not in result.stderr


def test_an_unknown_stack_lists_those_that_are() -> None:
    result = call("locl")

    assert result.exit_code == 2
    assert "There is no stack 'locl'; there are dev-gcp-europe-west4, local," in result.stderr


def test_everything_wrong_is_told_before_anything_is_planned(tmp_path: Path) -> None:
    broken = local_file(tmp_path, "kind: existing", "kind: exsting")
    result = call(broken, "nowhere", "local")

    assert result.exit_code == 2
    assert "did you mean existing?" in result.stderr
    assert "There is no stack 'nowhere'" in result.stderr
    assert "planned" not in result.stderr
    assert result.stdout == ""


@pytest.mark.parametrize("arguments", [("--all", "local"), ("--json", "--markdown")])
def test_contradicting_options_are_bad_input(arguments: tuple[str, ...]) -> None:
    assert call(*arguments).exit_code == 2


def test_the_root_command_mounts_it() -> None:
    assert CliRunner().invoke(main, ["plan", "--help"]).output.startswith("Usage: main plan [OPTIONS] [STACK]...")


def test_plans_need_no_home_and_no_credentials(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "from ragspan.cli import main; main()", "plan", "local", "--json"]
    answer = subprocess.run(
        command, env={"HOME": str(tmp_path)}, cwd=tmp_path, capture_output=True, text=True, check=True, timeout=60
    )

    assert json.loads(answer.stdout)["stacks"][0]["name"] == "local"
    assert list(tmp_path.iterdir()) == []
