"""A stack is planned by its own program, on its own configuration, with its own cloud alone."""

import json
import subprocess
import sys
from typing import Any

import pytest

from infra.config.load import from_file, from_pulumi, stack_files
from ops.plan.program import as_pulumi_config
from ops.plan.recorder import record
from tests.support.stacks import NAMES, planned

CLOUDS = {"pulumi_gcp", "pulumi_aws", "pulumi_eks"}


@pytest.mark.parametrize("name", NAMES)
def test_the_program_reads_what_the_file_says(name: str) -> None:
    config = from_file(stack_files()[name])
    seen: list[Any] = []
    record(name, lambda: seen.append(from_pulumi()), as_pulumi_config(config))

    assert seen == [config]


@pytest.mark.parametrize("name", NAMES)
def test_every_custom_resource_names_its_provider(name: str) -> None:
    stack = planned(name)
    orphans = [r.urn for r in stack.resources if r.custom and not r.provider and not r.type.startswith("pulumi:")]

    assert orphans == [], "the default provider would use whatever account and cluster the shell has"


@pytest.mark.parametrize("name", NAMES)
def test_every_component_registers_its_outputs(name: str) -> None:
    assert [r.urn for r in planned(name).resources if not r.custom and not r.remote and r.outputs is None] == []


@pytest.mark.parametrize(("name", "allowed"), [("local", set[str]()), ("dev-gcp-europe-west4", {"pulumi_gcp"})])
def test_a_stack_imports_its_own_cloud_only(name: str, allowed: set[str]) -> None:
    code = (
        "import json, sys\nfrom infra.config.load import from_file, stack_files\n"
        f"from ops.plan.program import plan_stack\nplan_stack(from_file(stack_files()[{name!r}]))\n"
        "print(json.dumps(sorted({module.partition('.')[0] for module in sys.modules})))"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)

    assert CLOUDS & set(json.loads(answer.stdout)) == allowed
