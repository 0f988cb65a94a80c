"""No key of a stack file lies: another value of it changes what is planned."""

import re
from collections.abc import Mapping
from functools import cache
from typing import Any, NamedTuple, cast

import pytest

from infra.config.load import from_file, stack_files
from infra.config.stack import StackConfig
from ops.plan.graph import RecordedStack
from ops.plan.program import plan_stack
from tests.contract.leaf_flip import Change, Leaf, changed, flipped, leaves
from tests.support.stacks import planned

CONFIGS = {stack: from_file(path) for stack, path in stack_files().items()}
STACKS = sorted(CONFIGS, key=lambda stack: CONFIGS[stack].cluster.kind != "existing")
"""Cheapest to plan first: a key that was flipped in one stack is not flipped again in the next."""


def _gpu_pool(data: dict[str, Any]) -> dict[str, Any]:
    return next(pool for pool in data["cluster"]["pools"] if pool["kind"] == "gpu")


def _add_gpu_pool(data: dict[str, Any]) -> None:
    data["cluster"]["pools"].append({**_gpu_pool(data), "name": "another-pool"})


def _use_added_gpu_pool(data: dict[str, Any]) -> None:
    _add_gpu_pool(data)
    data["models"]["llm"]["pool"] = "another-pool"


def _use_two_gpus_a_node(data: dict[str, Any]) -> None:
    larger = {"g2-standard-8": "g2-standard-24", "g2-standard-12": "g2-standard-24", "g6.4xlarge": "g6.12xlarge"}
    pool = _gpu_pool(data)
    pool["machine_type"] = larger.get(pool["machine_type"], pool["machine_type"])


def _use_unlisted_machine(data: dict[str, Any]) -> None:
    if data["cluster"]["kind"] == "gke":
        machine = {"vcpus": 208, "memory_gib": 1872, "gpus": 8}
        _gpu_pool(data).update(machine_type="unlisted", machine=machine)


def _name_project(data: dict[str, Any]) -> None:
    if data["cluster"]["kind"] == "gke":
        data["cluster"]["project_number"] = "111111111111"


def _use_own_key(data: dict[str, Any]) -> None:
    _name_project(data)
    if data["cluster"]["kind"] == "gke":
        data["cluster"]["database_encryption_key"] = "projects/p/locations/l/keyRings/r/cryptoKeys/k"


def _use_no_spot_nodes(data: dict[str, Any]) -> None:
    for pool in data["cluster"]["pools"]:
        if pool.get("purpose") != "system":
            pool["capacity"] = [{"kind": "on_demand", "max_nodes": 3}]


def _swap_purposes(data: dict[str, Any]) -> None:
    one, other = (pool for pool in data["cluster"]["pools"] if pool["kind"] == "cpu")
    for key in ("purpose", "capacity"):
        one[key], other[key] = other[key], one[key]


GIVEN: dict[str, Change] = {
    "Vllm.pool": _add_gpu_pool,
    "GpuPool.name": _use_added_gpu_pool,
    "GpuPool.sharing": _use_added_gpu_pool,
    "GpuPool.machine": _use_unlisted_machine,
    "GkeCluster.buckets": _name_project,
    "GkeCluster.database_encryption_key": _name_project,
    "GkeCluster.project_number": _use_own_key,
    "Vllm.gpus": _use_two_gpus_a_node,
    "CpuPool.purpose": _use_no_spot_nodes,
}
"""What another value of a field needs beside it, in place before and after the flip."""

FLIPPED_BY: dict[str, Change] = {"CpuPool.purpose": _swap_purposes}
"""Fields of which two must change at once: exactly one pool is `system`."""

FOUND_BY_VALUE = {
    "StackConfig.environment": "the stack's name says it too, and every URN has that name",
    "GkeCluster.region": "zones say it too",
    "EksCluster.region": "zones say it too",
    "GpuPool.accelerator": "the machine type says it too",
    "CpuPool.machine": "the machine type says it too: the figures are what pods are checked by",
}
"""Fields that cannot change alone, each with the reason: their value is looked for among the planned inputs."""

CHECKED_ONLY = {
    ("eks", "GpuPool.accelerator"): "an EC2 machine type comes with its accelerator: the key is what it is checked by",
    ("gke", "CpuPool.machine"): "no machine of a shipped stack is unlisted",
    ("eks", "CpuPool.machine"): "no machine of a shipped stack is unlisted",
}
"""Fields that no resource takes, by kind of cluster, each with the reason."""


class Flip(NamedTuple):
    """A leaf and the stack that it is flipped in."""

    stack: str
    leaf: Leaf

    def before(self) -> StackConfig:
        return config_of(self.stack, self.given)

    def after(self) -> StackConfig | None:
        by = FLIPPED_BY.get(self.leaf.field)
        return changed(self.before(), by) if by else flipped(self.before(), self.leaf)

    @property
    def given(self) -> str:
        return self.leaf.field if self.leaf.field in GIVEN else ""


@cache
def config_of(stack: str, given: str = "") -> StackConfig:
    return changed(CONFIGS[stack], GIVEN[given]) if given else CONFIGS[stack]


@cache
def plan_of(stack: str, given: str = "") -> list[Any]:
    return told(plan_stack(config_of(stack, given)) if given else planned(stack))


def told(plan: RecordedStack) -> list[Any]:
    """Every resource with its inputs and options."""
    return [(resource.urn, resource.inputs, resource.options) for resource in plan.resources]


def identity(config: StackConfig, leaf: Leaf) -> tuple[str, ...]:
    """The same key is the same to every stack, except that each kind of cluster, and of pool, takes it by itself."""
    key = re.sub(r"\[\d+\]", "", leaf.key)
    match leaf.path:
        case ("cluster", "pools", int() as number, *_):
            pool = config.model_dump(mode="json")["cluster"]["pools"][number]
            return (config.cluster.kind, leaf.field, key, pool["kind"], pool.get("purpose", ""))
        case ("cluster", *_):
            return (config.cluster.kind, leaf.field, key)
        case _:
            return (leaf.field, key)


@cache
def flips() -> list[Flip]:
    found: dict[tuple[str, ...], Flip] = {}
    for stack in STACKS:
        for leaf in leaves(config_of(stack)):
            flip, key = Flip(stack, leaf), identity(config_of(stack), leaf)
            if key not in found and flip.after():
                found[key] = flip
    return list(found.values())


@pytest.mark.parametrize("flip", flips(), ids=lambda flip: f"{flip.stack} {flip.leaf.key}")
def test_another_value_changes_the_plan(flip: Flip):
    after = flip.after()
    assert after
    differs = told(plan_stack(after)) != plan_of(flip.stack, flip.given)
    assert differs, f"{flip.leaf.key} can be anything: no resource takes it"


@pytest.mark.parametrize("stack", STACKS)
def test_a_value_that_cannot_change_alone_is_among_the_inputs(stack: str):
    config = config_of(stack)
    inputs = [value for _, inputs, _ in plan_of(stack) for value in scalars(inputs)]
    for leaf in leaves(config):
        if leaf.field in FOUND_BY_VALUE and (config.cluster.kind, leaf.field) not in CHECKED_ONLY:
            found = leaf.value in inputs
            assert found, f"{leaf.key} is {leaf.value!r}, which no resource has"


def scalars(value: object) -> list[object]:
    if isinstance(value, Mapping):
        return [leaf for child in cast("Mapping[str, object]", value).values() for leaf in scalars(child)]
    if isinstance(value, list):
        return [leaf for child in cast("list[object]", value) for leaf in scalars(child)]
    return [value]


def test_every_field_is_flipped_or_has_a_reason_not_to_be():
    seen = {leaf.field for stack in STACKS for leaf in leaves(config_of(stack))}
    tried = {flip.leaf.field for flip in flips()}
    assert seen - tried == set(FOUND_BY_VALUE), "declare FlipsTo beside the field, or a reason in FOUND_BY_VALUE"
