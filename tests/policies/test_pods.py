"""Rules about pods find them in every workload type, and judge only what is known."""

import importlib
from typing import Any

import pulumi
import pulumi_kubernetes as k8s
import pytest

from ops.plan.policies import check_policies
from policies.pods import POD_PATHS
from policies.rules import RULES
from tests.policies.workloads import verdict
from tests.support.recording import recorded


@pytest.mark.parametrize("token", POD_PATHS)
def test_each_type_token_is_one_of_the_provider(token: str) -> None:
    _, module, kind = token.split(":")
    package = importlib.import_module(f"pulumi_kubernetes.{module.replace('/', '.')}")
    assert hasattr(package, kind)


@pytest.mark.parametrize("token", POD_PATHS)
def test_a_pod_is_found_in_each_workload_type(token: str) -> None:
    _, module, kind = token.split(":")
    package = importlib.import_module(f"pulumi_kubernetes.{module.replace('/', '.')}")
    body: Any = {"containers": [{"name": "c", "image": "c:latest"}]}
    for key in reversed(POD_PATHS[token][1:]):
        body = {key: body}
    found = verdict("images-are-pinned", recorded(lambda: getattr(package, kind)("w", **{POD_PATHS[token][0]: body})))
    assert [violation.message.split(";")[0] for violation in found.violations] == [
        "container c: image 'c:latest' is not pinned"
    ]


def test_a_rule_that_meets_no_workload_is_not_evaluated() -> None:
    for found in check_policies(recorded(lambda: k8s.core.v1.ConfigMap("c", data={}))):
        assert (found.checked, found.skipped_reason) == (0, "no resource of this stack is its concern")


def test_an_unknown_value_is_skipped_and_never_passed() -> None:
    def program() -> None:
        found = k8s.core.v1.ConfigMap("c", data={})
        container = {"name": "server", "image": found.id}
        spec: Any = {"selector": {}, "template": {"spec": {"containers": [container]}}}
        k8s.apps.v1.Deployment("server", spec=spec)

    found = verdict("images-are-pinned", recorded(program))
    assert (found.checked, found.violations) == (0, ())
    assert found.skipped_reason == "server: spec.template.spec.containers.0.image is known only after deployment"


def test_a_secret_is_judged_and_not_told() -> None:
    def program() -> None:
        container = {"name": "server", "image": pulumi.Output.secret("canary:latest")}
        k8s.core.v1.Pod("server", spec={"containers": [container]})  # pyright: ignore[reportArgumentType]

    found = verdict("images-are-pinned", recorded(program))
    assert "canary" not in str(found)
    assert found.violations[0].message.startswith("container server: image '<secret>' is not pinned")


def test_rules_have_names_of_their_own() -> None:
    assert len({rule.name for rule in RULES}) == len(RULES)
