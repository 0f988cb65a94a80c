"""Each import contract catches a module that breaks it."""

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
CONTRACTS = [contract["name"] for contract in SETTINGS["contracts"]]

VIOLATIONS = {
    "infra is a library: it knows nothing of what uses it": "infra/intruder_0.py: import stacks",
    "the app knows nothing of where it runs": "app/intruder_1.py: import pulumi",
    "ops talks to the app over HTTP only": "ops/intruder_2.py: import app.ports",
    "the root command names its halves and loads neither": ("ragspan/intruder_3.py: import infra.config"),
    "clusters, add-ons and services meet through contracts only": "infra/addons/intruder_4.py: import infra.services",
    "config and catalogue are plain values: only config.load sees Pulumi": "infra/config/intruder_5.py: import pulumi",
    "Google Cloud's SDK stays with its clusters": "infra/services/intruder_6.py: import pulumi_gcp.storage",
    "Amazon's SDK stays with its clusters": "infra/addons/intruder_7.py: from pulumi_aws import s3",
    "the pipeline sees ports only": "app/rag/intruder_8.py: import app.api",
    "adapters see ports and the pure pipeline only": "app/adapters/intruder_9.py: import app.security",
    "policy rules see pulumi_policy and the standard library only": "policies/rules/intruder_10.py: import yaml",
}


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What import-linter says of a copy of the project into which every violation was planted."""
    copy = tmp_path_factory.mktemp("project")
    shutil.copy(ROOT / "pyproject.toml", copy)
    for package in SETTINGS["root_packages"]:
        shutil.copytree(ROOT / package, copy / package, ignore=shutil.ignore_patterns("__pycache__"))
    for violation in VIOLATIONS.values():
        path, source = violation.split(": ")
        (copy / path).write_text(source + "\n")
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-logo", "--no-cache"]
    run = subprocess.run(command, cwd=copy, env={"PYTHONPATH": str(copy)}, capture_output=True, text=True, check=False)
    assert run.returncode == 1, run.stdout + run.stderr
    return run.stdout


def test_every_contract_has_a_violation_here() -> None:
    assert list(VIOLATIONS) == CONTRACTS


@pytest.mark.parametrize("contract", CONTRACTS)
def test_a_contract_catches_its_violation(contract: str, report: str) -> None:
    intruder = VIOLATIONS[contract].split(":")[0].removesuffix(".py").replace("/", ".")
    section = report.rpartition(f"{contract}\n{'-' * len(contract)}\n")[2].partition("\n---")[0]
    assert f"{contract} BROKEN" in report
    assert intruder in section, section
