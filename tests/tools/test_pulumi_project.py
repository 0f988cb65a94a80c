"""What an official Pulumi installation needs of this repository, as its Python language host reads it."""

import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
PROJECT = yaml.safe_load((ROOT / "Pulumi.yaml").read_text())


def test_the_program_runs_in_the_environment_that_make_builds() -> None:
    assert PROJECT["runtime"] == {"name": "python", "options": {"toolchain": "pip", "virtualenv": ".venv"}}


def test_the_lock_lies_where_the_pip_toolchain_looks_for_it() -> None:
    """`pulumi install` reads requirements.txt in the folder of the program, not beside Pulumi.yaml."""
    assert (ROOT / PROJECT["main"] / "requirements.txt").is_file()


def test_stack_files_lie_where_the_command_line_looks_for_them() -> None:
    assert list((ROOT / PROJECT["stackConfigDir"]).glob("Pulumi.*.yaml"))


@pytest.mark.parametrize("program", ["stacks", "policies"])
def test_a_program_finds_its_modules_where_the_project_is_not_installed(program: str) -> None:
    """As after `pulumi install`: the locked packages are there, the editable installation of the project is not."""
    code = "import pulumi_policy as p, runpy; p.PolicyPack = lambda *_, **__: None; runpy.run_path('.')"
    environment = {"PYTHONPATH": sysconfig.get_path("purelib")}
    command = [sys.executable, "-S", "-c", code]
    run = subprocess.run(command, cwd=ROOT / program, env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
