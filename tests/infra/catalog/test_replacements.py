import csv
from datetime import date
from importlib import import_module
from importlib.resources import files
from typing import Any, cast

import pytest

from infra.catalog.replacements import replacement_rule
from tests.support.stacks import NAMES, planned

ROWS = list(csv.DictReader(files("infra.catalog").joinpath("replacement_rules.csv").read_text().splitlines()))
RULED = sorted({row["type"] for row in ROWS if "*" not in row["type"]})
SDKS = {"gcp": "pulumi_gcp", "aws": "pulumi_aws", "kubernetes": "pulumi_kubernetes"}


def test_each_rule_stands_once_and_says_where_it_was_read_and_when() -> None:
    keys = [(row["type"], row["property"]) for row in ROWS]
    assert len(keys) == len(set(keys))
    for row in ROWS:
        assert row["source"].startswith("https://"), row
        assert date.fromisoformat(row["checked"]) <= date.today(), row


@pytest.mark.parametrize(
    ("type_", "path"),
    [
        ("kubernetes:apps/v1:StatefulSet", "spec.volumeClaimTemplates[0].spec.resources.requests.storage"),
        ("kubernetes:core/v1:Namespace", "metadata.name"),
        ("gcp:container/cluster:Cluster", "ipAllocationPolicy.clusterSecondaryRangeName"),
        ("aws:eks/nodeGroup:NodeGroup", "instanceTypes[0]"),
    ],
)
def test_a_change_inside_a_property_is_a_change_of_it(type_: str, path: str) -> None:
    assert replacement_rule(type_, path)


@pytest.mark.parametrize(
    ("type_", "path"),
    [
        ("kubernetes:apps/v1:StatefulSet", "spec.replicas"),
        ("kubernetes:apps/v1:StatefulSet", "spec.serviceNames"),
        ("gcp:container/nodePool:NodePool", "autoscaling.totalMaxNodeCount"),
        ("aws:eks/cluster:Cluster", "version"),
    ],
)
def test_other_changes_update_in_place(type_: str, path: str) -> None:
    assert replacement_rule(type_, path) is None


@pytest.mark.parametrize("type_", RULED)
def test_a_rule_names_a_type_and_a_property_that_the_provider_has(type_: str) -> None:
    """A misspelt one would never match, and then nothing would seem to be replaced."""
    package, module, kind = type_.split(":")
    path = module.split("/")[0] if package != "kubernetes" else module.removesuffix(".k8s.io").replace("/", ".")
    for group, name in {"rbac.authorization.k8s.io": "rbac", "storage.k8s.io": "storage", "helm.sh": "helm"}.items():
        path = path.replace(group, name)
    cls: Any = getattr(import_module(f"{SDKS[package]}.{path}"), kind)
    assert cls.pulumi_type == type_
    members = cast("dict[str, object]", vars(cls))
    getters = [value.fget for value in members.values() if isinstance(value, property)]
    names = {getattr(getter, "_pulumi_name", getattr(getter, "__name__", "")) for getter in getters}
    wrong = {row["property"] for row in ROWS if row["type"] == type_ and row["property"].split(".")[0] not in names}
    assert not wrong


@pytest.mark.parametrize("name", NAMES)
def test_each_type_that_a_stack_creates_has_been_looked_up(name: str) -> None:
    in_place = {"aws:ec2/internetGateway:InternetGateway"}
    ruled = {row["type"] for row in ROWS} | in_place
    created = {r.type for r in planned(name).resources if r.custom and not r.is_manifest}
    assert {type_ for type_ in created if not type_.startswith("pulumi:providers:")} <= ruled
