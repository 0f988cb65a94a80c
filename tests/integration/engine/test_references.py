"""One stack reads another through the typed facade."""

from collections.abc import Callable
from dataclasses import fields

import pytest

from stacks.outputs import RegionOutputs
from tests.support.engine.workspace import Workspace
from tests.support.stacks import NAMES, planned

Workspaces = Callable[..., Workspace]


@pytest.mark.parametrize("name", NAMES)
def test_the_facade_reads_exactly_what_a_region_exports(name: str) -> None:
    assert {field.name for field in fields(RegionOutputs)} == set(planned(name).outputs)


@pytest.mark.needs("pulumi")
def test_a_consumer_reads_a_region_that_is_up(workspace: Workspaces) -> None:
    made = workspace()
    made.stack("local").up().succeeded()
    made.use("consumer")
    consumer = made.stack("consumer")
    consumer.up().succeeded()
    assert consumer.output("answers") == "http://rag-api.ragspan.svc/v1/query"
    assert consumer.output("namespace") == "ragspan"


@pytest.mark.needs("pulumi")
def test_a_consumer_of_a_region_that_is_not_there_is_told_which(workspace: Workspaces) -> None:
    run = workspace("consumer").stack("consumer").preview()
    assert run.exit_code != 0
    assert "organization/ragspan/local" in run.errors
