import contextvars
from collections.abc import Mapping

import pulumi.runtime
import pytest
from pulumi.runtime import settings

from infra.config.errors import ConfigError
from infra.config.load import from_file, from_pulumi, stack_files
from infra.config.stack import StackConfig
from ops.plan.program import as_pulumi_config

SHIPPED = stack_files()
AWS = "prod-aws-us-east-1"


def loaded(
    stack: str, config: Mapping[str, str], *, dry_run: bool = True, secret: list[str] | None = None
) -> StackConfig:
    """What a program of this stack loads, in a context of its own."""

    def run() -> StackConfig:
        settings.configure(settings.Settings(project="ragspan", stack=stack, dry_run=dry_run))
        pulumi.runtime.set_all_config(dict(config), secret or [])
        return from_pulumi()

    return contextvars.copy_context().run(run)


def shipped(stack: str) -> dict[str, str]:
    return as_pulumi_config(from_file(SHIPPED[stack]))


@pytest.mark.parametrize("stack", SHIPPED)
def test_both_ways_in_give_the_same_config(stack: str):
    assert loaded(stack, shipped(stack)) == from_file(SHIPPED[stack])


def test_an_update_refuses_every_placeholder_by_its_key():
    with pytest.raises(ConfigError) as caught:
        loaded(AWS, shipped(AWS), dry_run=False)
    assert [problem.key for problem in caught.value.problems] == [
        "ragspan:cluster.account_id",
        "ragspan:cluster.admin_role_arn",
        "ragspan:cache.host",
        "ragspan:app.image.repository",
        "ragspan:app.image.digest",
        "ragspan:app.hosts[0]",
    ]
    assert f"stacks/Pulumi.{AWS}.yaml: ragspan:cluster.account_id: still holds the placeholder" in str(caught.value)


def test_an_update_without_placeholders_goes_on():
    assert loaded("local", shipped("local"), dry_run=False).name == "local"


def test_an_encrypted_section_is_refused_and_not_shown():
    with pytest.raises(ConfigError, match="ragspan:app: a stack file holds no secret values") as caught:
        loaded("local", shipped("local") | {"ragspan:app": "hunter2"}, secret=["ragspan:app"])
    assert "hunter2" not in str(caught.value)


def test_configuration_that_no_model_reads_is_refused():
    with pytest.raises(ConfigError, match="aws:region: not a section of this program"):
        loaded("local", shipped("local") | {"aws:region": "us-east-1"})


def test_text_in_place_of_a_section_is_refused():
    with pytest.raises(ConfigError, match='ragspan:app: wrong type; found "x"; allowed: a mapping of keys'):
        loaded("local", shipped("local") | {"ragspan:app": "x"})
