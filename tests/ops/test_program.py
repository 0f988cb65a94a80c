"""A stack is planned by its own program, on its own configuration."""

from typing import Any

import pytest

from infra.config.load import from_file, from_pulumi, stack_files
from ops.plan.program import as_pulumi_config
from ops.plan.recorder import record
from tests.support.stacks import NAMES, planned


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
