"""Every shipped stack, from preview to destroy, by the real engine against stand-ins of its providers."""

import json
from collections.abc import Callable

import pytest

from infra.config.load import from_file, stack_files
from tests.support.engine.checks import assert_no_changes, assert_nothing_replaced
from tests.support.engine.cloud import CANARY
from tests.support.engine.lives import Life
from tests.support.engine.workspace import PASSPHRASE
from tests.support.stacks import NAMES

pytestmark = pytest.mark.needs("pulumi")

EVERY = pytest.mark.parametrize("stack", NAMES, scope="module")
PROTECTED = [name for name in NAMES if from_file(stack_files()[name]).vector_store.protect]
Lives = Callable[[str], Life]
POOLS = {
    "gcp:container/nodePool:NodePool",
    "aws:eks/nodeGroup:NodeGroup",
    "kubernetes:karpenter.sh/v1:NodePool",
}


@EVERY
def test_the_shipped_file_previews_and_everything_is_new(life: Lives, stack: str) -> None:
    run = life(stack).previewed.succeeded()
    assert {step.op for step in run.steps} == {"create"}


@EVERY
def test_an_update_creates_what_the_preview_said(life: Lives, stack: str) -> None:
    created = {step.urn for step in life(stack).created.changes}
    assert created >= {step.urn for step in life(stack).previewed.steps} - {root(life(stack))}


@EVERY
def test_a_second_update_changes_nothing(life: Lives, stack: str) -> None:
    assert_no_changes(life(stack).repeated)


@EVERY
def test_a_changed_value_updates_its_resources_alone(life: Lives, stack: str) -> None:
    run = life(stack).changed.succeeded()
    assert_nothing_replaced(run)
    assert {step.op for step in run.changes} == {"update"}
    pools = [step for step in run.changes if step.type in POOLS]
    assert len(pools) == life(stack).is_own_cluster
    assert [step.name for step in run.changes if step not in pools] == ["rag-api-deployment"]


@EVERY
def test_a_refresh_finds_nothing(life: Lives, stack: str) -> None:
    assert_no_changes(life(stack).refreshed)


@EVERY
def test_what_drifts_by_itself_is_not_undone(life: Lives, stack: str) -> None:
    drifted, _ = life(stack).drifted
    assert {type_ for type_ in drifted if type_.startswith("kubernetes:")}
    assert any(life(stack).is_own_cluster is (type_ in POOLS) for type_ in drifted)
    assert_no_changes(life(stack).after_drift)


@EVERY
def test_no_secret_output_of_a_cloud_is_readable(life: Lives, stack: str) -> None:
    assert life(stack).created
    text = json.dumps(life(stack).first_state)
    assert CANARY not in text
    assert PASSPHRASE not in text
    assert ("ciphertext" in text) == ("gcp" in stack), "GKE's client key is the one secret output here"


@pytest.mark.parametrize("stack", PROTECTED, scope="module")
def test_destroy_is_refused_and_deletes_nothing_while_anything_is_protected(life: Lives, stack: str) -> None:
    assert life(stack).after_drift
    before = life(stack).stack.state()
    run = life(stack).kept
    assert run.exit_code == 1, run.said
    assert "cannot be deleted\nbecause it is protected" in run.errors
    assert life(stack).stack.state() == before


@pytest.mark.parametrize("stack", PROTECTED, scope="module")
def test_protection_goes_by_an_update_that_replaces_nothing(life: Lives, stack: str) -> None:
    assert {step.op for step in life(stack).unprotected.succeeded().changes} <= {"update"}
    assert not [r["urn"] for r in life(stack).stack.state() if r.get("protect")]


@EVERY
def test_destroy_leaves_nothing_once_nothing_is_protected(life: Lives, stack: str) -> None:
    run = life(stack).destroyed.succeeded()
    assert {step.op for step in run.changes} == {"delete"}
    assert life(stack).stack.state() == []
    assert life(stack).cloud.of_stack(stack) == []


def root(life: Life) -> str:
    """The stack's own URN, which an update refused for placeholders has created already."""
    return f"urn:pulumi:{life.stack.name}::ragspan::pulumi:pulumi:Stack::ragspan-{life.stack.name}"
