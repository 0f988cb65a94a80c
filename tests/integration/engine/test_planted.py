"""Each check of the shipped stacks' lives catches the violation that it is there for."""

from collections.abc import Callable

import pytest

from tests.support.engine.checks import assert_no_changes, assert_nothing_replaced, assert_sealed
from tests.support.engine.cloud import Cloud
from tests.support.engine.values import put
from tests.support.engine.workspace import Stack, Workspace

pytestmark = pytest.mark.needs("pulumi")

Workspaces = Callable[..., Workspace]
SECRET = "correct-horse-battery"
STATEFUL_SET = "kubernetes:apps/v1:StatefulSet"


@pytest.fixture
def local(workspace: Workspaces) -> Stack:
    """The smallest shipped stack, brought up."""
    stack = workspace().stack("local")
    stack.up().succeeded()
    return stack


def test_a_difference_that_comes_back_is_caught(local: Stack, cloud: Cloud) -> None:
    """As when an API answers a quantity in another spelling than it was sent."""
    claims = next(live for live in cloud.of_stack("local") if live.type == STATEFUL_SET)
    put(claims.outputs, "spec.replicas", 2)
    local.refresh().succeeded()
    with pytest.raises(AssertionError, match=r"update weaviate-stateful-set spec\.replicas"):
        assert_no_changes(local.preview())


def test_a_stateful_replacement_is_caught(local: Stack) -> None:
    local.configure({"ragspan:vector_store.storage_gib": 6})
    with pytest.raises(AssertionError, match=r"weaviate-stateful-set \(spec\.volumeClaimTemplates"):
        assert_nothing_replaced(local.preview().succeeded())


def test_a_protected_store_is_not_replaced_whatever_the_stack_file_says(local: Stack) -> None:
    local.configure({"ragspan:vector_store.protect": True})
    local.up().succeeded()
    local.configure({"ragspan:vector_store.storage_gib": 6})
    run = local.up()
    assert run.exit_code != 0
    assert "weaviate-stateful-set" in run.errors
    assert "protect" in run.errors
    assert STATEFUL_SET in {resource["type"] for resource in local.state()}


@pytest.mark.parametrize("leak", [False, True])
def test_a_secret_is_ciphertext_in_the_state_unless_a_program_unmarks_it(workspace: Workspaces, *, leak: bool) -> None:
    stack = workspace("secrets").stack("secrets")
    stack.set_config("token", SECRET, secret=True)
    stack.set_config("leak", str(leak).lower())
    assert SECRET not in stack.up().succeeded().said or leak
    if leak:
        with pytest.raises(AssertionError, match="a secret is in plain text"):
            assert_sealed(stack.state_text(), SECRET)
    else:
        assert_sealed(stack.state_text(), SECRET)
        assert stack.output("token") == SECRET


def test_another_passphrase_opens_nothing(workspace: Workspaces) -> None:
    stack = workspace("secrets").stack("secrets")
    stack.set_config("token", SECRET, secret=True)
    refused = stack.workspace.pulumi("preview", "--stack", "secrets", PULUMI_CONFIG_PASSPHRASE="another")
    assert refused.returncode != 0
    assert "incorrect passphrase" in refused.stdout
