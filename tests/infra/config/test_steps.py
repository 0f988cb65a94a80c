"""What an update from one stack file to another cannot do in one step."""

from typing import Any

import pytest

from infra.config.load import from_file, stack_files
from infra.config.stack import StackConfig
from infra.config.steps import refused_steps
from tests.contract.leaf_flip import changed


def on_minor(stack: str, minor: str) -> StackConfig:
    def edit(data: dict[str, Any]) -> None:
        data["cluster"]["kubernetes_minor"] = minor

    return changed(from_file(stack_files()[stack]), edit)


@pytest.mark.parametrize(("before", "after"), [("1.34", "1.34"), ("1.34", "1.35"), ("1.35", "1.36")])
def test_eks_takes_the_next_minor(before: str, after: str):
    assert refused_steps(on_minor("prod-aws-us-east-1", before), on_minor("prod-aws-us-east-1", after)) == []


@pytest.mark.parametrize(
    ("before", "after", "remedy"),
    [("1.33", "1.35", 'write "1.34" and apply it before the next'), ("1.35", "1.34", 'write "1.35"')],
)
def test_eks_skips_no_minor_and_never_goes_back(before: str, after: str, remedy: str):
    (found,) = refused_steps(on_minor("prod-aws-us-east-1", before), on_minor("prod-aws-us-east-1", after))
    assert found.key == "ragspan:cluster.kubernetes_minor"
    assert (found.found, found.remedy) == (f'"{after}"', remedy)
    assert before in found.problem


def test_gke_upgrades_are_the_channels():
    stack = "prod-gcp-europe-west4"
    assert refused_steps(on_minor(stack, "1.34"), on_minor(stack, "1.36")) == []
