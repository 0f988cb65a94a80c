"""What `ragspan plan --json` prints is what the real engine registers: the offline plan's proof."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, cast

import pytest

from infra.config.load import from_file, stack_files
from ops.plan.changes import compare
from ops.plan.graph import COMPUTED
from ops.plan.options import urn_of
from ops.plan.program import plan_stack
from ops.plan.wire import masked
from tests.contract.leaf_flip import changed
from tests.support.engine.events import Step
from tests.support.engine.lives import Life
from tests.support.stacks import NAMES

pytestmark = [pytest.mark.needs("pulumi"), pytest.mark.parametrize("stack", NAMES, scope="module")]

Lives = Callable[[str], Life]
SET_BY_ENGINE = {"version", "__internal"}
"""In the inputs of a provider: the SDK's version and the engine's own notes."""
FROM_OBJECTS = {"namespace", "serviceAccountName", "value"}
"""Inputs of Kubernetes objects that take a name from another object, or an address made of it."""
ROOT_TYPE = "pulumi:pulumi:Stack"


@cache
def plans() -> dict[str, dict[str, dict[str, Any]]]:
    """The planned resources of every stack by URN, read from the command's own output."""
    command = [Path(sys.executable).with_name("ragspan"), "plan", "--json"]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return {plan["name"]: {r["urn"]: r for r in plan["resources"]} for plan in json.loads(printed)["stacks"]}


def registered(life: Life) -> dict[str, Step]:
    """What the engine was asked for in a preview, by URN, without the stack itself."""
    return {step.urn: step for step in life.previewed.succeeded().steps if step.type != ROOT_TYPE}


def test_the_plan_names_exactly_the_resources_that_the_engine_registers(life: Lives, stack: str) -> None:
    assert sorted(plans()[stack]) == sorted(registered(life(stack)))


def test_the_plan_and_the_engine_agree_on_type_parent_provider_and_protection(life: Lives, stack: str) -> None:
    for urn, step in registered(life(stack)).items():
        planned, parent = plans()[stack][urn], step.new["parent"]
        assert planned["type"] == step.type
        assert planned["name"] == step.name
        assert planned["parent"] == (None if parent.split("::")[2] == ROOT_TYPE else parent), urn
        assert planned["provider"] == (urn_of(step.new["provider"]) if step.new["provider"] else None), urn
        assert planned["options"].get("protect", False) == step.new.get("protect", False), urn


def test_the_plan_and_the_engine_agree_on_every_input(life: Lives, stack: str) -> None:
    """Where a cluster is new, the engine cannot ask its provider yet and knows less of its objects than the plan."""
    may_know_less = life(stack).is_own_cluster
    for urn, step in registered(life(stack)).items():
        inputs = masked(step.new["inputs"])
        by_engine = SET_BY_ENGINE if step.type.startswith("pulumi:providers:") else set[str]()
        planned, known = plans()[stack][urn]["inputs"], {key: inputs[key] for key in inputs.keys() - by_engine}
        if may_know_less and step.type.startswith("kubernetes:"):
            unknown = set(computed_paths(known)) - set(computed_paths(planned))
            assert {path[-1] for path in unknown} <= FROM_OBJECTS, urn
            planned = without(planned, unknown)
            known = without(known, unknown)
        assert planned == known, urn


def test_what_the_plan_calls_computed_is_there_after_an_update(life: Lives, stack: str) -> None:
    """An output that the stand-in forgot would be a missing input here, and every other test would miss it too."""
    assert life(stack).created
    inputs = {resource["urn"]: resource.get("inputs", {}) for resource in life(stack).first_state}
    missing = [
        (urn, path)
        for urn, planned in plans()[stack].items()
        for path in computed_paths(planned["inputs"])
        if found(inputs[urn], path) in (None, "")
    ]
    assert missing == []


def test_the_plan_and_the_engine_agree_on_what_a_change_does(life: Lives, stack: str) -> None:
    """`ragspan plan --before` is what an update then does."""
    before = from_file(stack_files()[stack])
    after = changed(before, lambda data: change(data, is_own_cluster=life(stack).is_own_cluster))
    told = {(item.urn, item.act) for item in compare(plan_stack(before), plan_stack(after))}

    assert told == {(step.urn, step.op) for step in life(stack).changed.succeeded().changes}


def change(data: dict[str, Any], *, is_own_cluster: bool) -> None:
    """What the life's change is."""
    data["app"]["top_k"] = 11
    if is_own_cluster:
        data["cluster"]["pools"][0]["capacity"][0]["max_nodes"] = 9


def computed_paths(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    if value == COMPUTED:
        yield path
    for key, item in children(value).items():
        yield from computed_paths(item, (*path, key))


def without(value: Any, paths: set[tuple[str, ...]], path: tuple[str, ...] = ()) -> Any:
    """The value, every list as a mapping by place, without what stands at the paths."""
    inside = children(value)
    if not inside:
        return value
    return {key: without(item, paths, (*path, key)) for key, item in inside.items() if (*path, key) not in paths}


def found(value: Any, path: tuple[str, ...]) -> Any:
    for key in path:
        value = children(value).get(key)
    return value


def children(value: Any) -> dict[str, Any]:
    """The values inside a mapping or a list, by key or by place."""
    if isinstance(value, list):
        return {str(place): item for place, item in enumerate(cast("list[Any]", value))}
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}
