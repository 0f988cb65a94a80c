"""What an update is said to do: in place, by replacement, or refused by a protection."""

from collections.abc import Callable, Mapping
from typing import Any

import pulumi
import pulumi_gcp as gcp
import pulumi_kubernetes as k8s
import pytest
from pulumi import ResourceOptions

from ops.plan.changes import Change, compare
from tests.support.recording import recorded


def volumes(label: str = "a", provisioner: str = "disks") -> Callable[[], object]:
    metadata = k8s.meta.v1.ObjectMetaArgs(name="fast", labels={"for": label})
    return lambda: k8s.storage.v1.StorageClass("fast", metadata=metadata, provisioner=provisioner)


def network(name: str, **options: Any) -> Callable[[], object]:
    """A network, a subnet that takes its computed id, and a router that takes its name, which is known."""

    def program() -> None:
        made = gcp.compute.Network("network", name=name, opts=ResourceOptions(**options))
        gcp.compute.Subnetwork("subnet", name="nodes", network=made.id, ip_cidr_range="10.0.0.0/20", region="r")
        gcp.compute.Router("router", name="router", network="elsewhere", region="r")

    return program


def changes(before: Callable[[], object], after: Callable[[], object]) -> Mapping[str, Change]:
    return {change.name: change for change in compare(recorded(before), recorded(after))}


def test_equal_graphs_need_no_update():
    assert changes(network("one"), network("one")) == {}


def test_what_appears_is_created_and_what_is_gone_is_deleted():
    found = changes(volumes(), network("one"))
    assert {name: change.act for name, change in found.items()} == {
        "fast": "delete",
        "network": "create",
        "router": "create",
        "subnet": "create",
    }


def test_a_property_without_a_rule_changes_in_place():
    (change,) = changes(volumes("a"), volumes("b")).values()
    assert (change.act, change.paths, change.replaced_for) == ("update", ("metadata.labels.for",), ())


def test_a_rule_of_the_catalogue_replaces_and_is_named():
    (change,) = changes(volumes(), volumes(provisioner="others")).values()
    assert (change.act, change.replaced_for) == ("replace", ("provisioner",))


def test_what_takes_a_computed_value_from_a_replaced_resource_changes_with_it():
    found = changes(network("one"), network("two"))
    assert found["network"].act == "replace"
    assert (found["subnet"].act, found["subnet"].replaced_for) == ("replace", ("network",))
    assert "router" not in found


def test_a_protected_resource_is_not_replaced_but_stops_the_update():
    protected = changes(network("one", protect=True), network("two"))["network"]
    assert protected.is_refused
    assert protected.reason == "for name; protected: an update stops here"
    assert not changes(network("one"), network("two", protect=True))["network"].is_refused


@pytest.mark.parametrize(
    ("options", "acts"), [({"ignore_changes": ["description"]}, []), ({"replace_on_changes": ["mtu"]}, ["replace"])]
)
def test_options_of_the_resource_have_their_say(options: dict[str, Any], acts: list[str]):
    def described(text: str, mtu: int) -> Callable[[], object]:
        opts = ResourceOptions(**options)
        return lambda: gcp.compute.Network("network", name="one", description=text, mtu=mtu, opts=opts)

    ignored = "ignore_changes" in options
    before, after = described("a", 1400), described("b" if ignored else "a", 1400 if ignored else 1500)
    assert [change.act for change in changes(before, after).values()] == acts


def test_a_list_of_another_length_differs_as_a_whole():
    def zones(*names: str) -> Callable[[], object]:
        return lambda: gcp.container.NodePool("pool", cluster="c", location="l", node_locations=list(names))

    assert changes(zones("a"), zones("a", "b"))["pool"].paths == ("nodeLocations",)
    assert changes(zones("a", "b"), zones("a", "c"))["pool"].paths == ("nodeLocations[1]",)


def test_components_are_no_changes_of_their_own():
    assert changes(lambda: None, lambda: pulumi.ComponentResource("ragspan:tests:Part", "part")) == {}
