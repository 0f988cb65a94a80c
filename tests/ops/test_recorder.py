"""The recorder sees what the engine would: identities, options, unknowns and secrets."""

import pulumi
import pulumi_kubernetes as k8s
import pytest
from pulumi import ResourceOptions

from ops.plan.graph import COMPUTED, SECRET, RecordedStack
from ops.plan.recorder import ProgramFailed, record
from tests.support.recording import only, recorded

CONFIG_MAP = "kubernetes:core/v1:ConfigMap"


class Store(pulumi.ComponentResource):
    """A component with a provider, a protected object and one that depends on it."""

    def __init__(self, name: str) -> None:
        super().__init__("ragspan:tests:Store", name, {}, ResourceOptions(protect=True))
        provider = k8s.Provider(f"{name}-cluster", context="kind", opts=ResourceOptions(parent=self))
        opts = ResourceOptions(parent=self, provider=provider)
        first = k8s.core.v1.ConfigMap(f"{name}-first", metadata={"name": "first", "namespace": "rag"}, opts=opts)
        k8s.core.v1.ConfigMap(
            f"{name}-second",
            metadata={"name": "second"},
            data={"of": first.metadata.apply(lambda m: str(m.name))},
            opts=ResourceOptions.merge(
                opts, ResourceOptions(ignore_changes=["data"], retain_on_delete=True, delete_before_replace=False)
            ),
        )
        self.register_outputs({"name": name})


def test_resources_carry_the_urns_that_the_engine_gives() -> None:
    stack = recorded(lambda: Store("s"))

    assert stack.named("s").urn == "urn:pulumi:test::ragspan::ragspan:tests:Store::s"
    assert stack.named("s-first").urn == f"urn:pulumi:test::ragspan::ragspan:tests:Store${CONFIG_MAP}::s-first"
    assert stack.named("s-first").parent == stack.named("s").urn
    assert stack.named("s-first").provider == stack.named("s-cluster").urn
    assert stack.named("s").parent is None


def test_options_and_dependencies_are_recorded() -> None:
    stack = recorded(lambda: Store("s"))
    first, second = stack.named("s-first"), stack.named("s-second")

    assert second.dependencies == (first.urn,)
    assert second.options["propertyDependencies"] == {"data": [first.urn]}
    assert second.options["ignoreChanges"] == ["data"]
    assert second.options["retainOnDelete"] is True
    assert second.options["deleteBeforeReplace"] is False
    assert first.options["protect"] is True, "protection is inherited from the component"
    assert second.inputs["data"] == {"of": "first"}, "an object's own metadata is known before it exists"


def test_a_component_that_registers_no_outputs_can_be_told() -> None:
    stack = recorded(lambda: (Store("s"), pulumi.ComponentResource("ragspan:tests:Forgetful", "f")))

    assert stack.named("s").outputs == {"name": "s"}
    assert stack.named("f").outputs is None


def test_what_the_cluster_computes_is_unknown() -> None:
    def program() -> None:
        service = k8s.core.v1.Service("web", metadata={}, spec={"ports": [{"port": 80}]})
        found = {
            "name": service.metadata.apply(lambda m: str(m.name)),
            "ip": service.spec.apply(lambda s: s.cluster_ip),
            "status": service.status.apply(str),
        }
        k8s.core.v1.ConfigMap("found", metadata={"name": service.id}, data=found)  # pyright: ignore[reportArgumentType]

    inputs = only(program, CONFIG_MAP).inputs
    assert inputs["metadata"]["name"] == COMPUTED
    assert inputs["data"] == {"name": COMPUTED, "ip": COMPUTED, "status": COMPUTED}


def test_look_ups_in_the_cloud_are_unknown_and_listed() -> None:
    def program() -> None:
        answer = pulumi.runtime.invoke_output("aws:index/getRegion:getRegion", {})
        k8s.core.v1.ConfigMap("c", data={"region": answer.apply(str)})

    stack = recorded(program)
    assert stack.named("c").inputs["data"] == {"region": COMPUTED}
    assert stack.lookups == ("aws:index/getRegion:getRegion",)


def test_stacks_of_one_process_do_not_meet() -> None:
    def program() -> None:
        Store(pulumi.Config("ragspan").require("name"))
        pulumi.export("stack", pulumi.get_stack())

    first = record("one", program, {"ragspan:name": "a"})
    second = record("two", program, {"ragspan:name": "b"})

    assert {resource.urn.split("::")[0] for resource in second.resources} == {"urn:pulumi:two"}
    assert len(first.resources) == len(second.resources) == 4
    assert (first.outputs, second.outputs) == ({"stack": "one"}, {"stack": "two"})


def test_a_failed_recording_leaves_nothing_to_the_next() -> None:
    def failing() -> None:
        Store("s")
        pulumi.Output.from_input(0).apply(lambda zero: 1 // zero)

    with pytest.raises(ZeroDivisionError):
        recorded(failing)
    assert len(recorded(lambda: Store("s")).resources) == 4


def test_a_name_used_twice_fails() -> None:
    with pytest.raises(ProgramFailed, match="two resources are urn:pulumi:test::ragspan::ragspan:tests:Store::s;"):
        recorded(lambda: (Store("s"), Store("s")))


def test_an_output_formatted_as_text_fails() -> None:
    def program() -> None:
        k8s.core.v1.ConfigMap("c", data={"at": f"{pulumi.Output.from_input('host')}:80"})

    with pytest.raises(ProgramFailed, match="Calling __str__ on an Output"):
        recorded(program)


def test_a_logged_error_fails_and_a_warning_is_kept() -> None:
    with pytest.raises(ProgramFailed, match="no such pool"):
        recorded(lambda: pulumi.log.error("no such pool"))
    assert recorded(lambda: pulumi.log.warn("an old minor")).warnings == ("an old minor",)


def test_a_remote_component_is_recorded_as_such() -> None:
    stack: RecordedStack = recorded(lambda: pulumi.ComponentResource("eks:index:Cluster", "c", {}, remote=True))

    assert stack.named("c").remote
    assert not stack.named("c").custom


def test_secrets_are_masked_wherever_they_go() -> None:
    def program() -> None:
        secret = pulumi.Output.secret("canary")
        plain = k8s.core.v1.Secret("plain", metadata={"name": "p"}, string_data={"key": "canary"})
        k8s.core.v1.ConfigMap("c", data={"a": secret, "b": pulumi.Output.concat("x-", secret)})
        k8s.core.v1.ConfigMap("d", data=plain.string_data)
        pulumi.export("key", secret)

    stack = recorded(program)
    assert "canary" not in repr(stack) + repr(stack.manifests())
    assert stack.outputs == {"key": SECRET}
    assert stack.named("c").inputs["data"] == {"a": SECRET, "b": SECRET}
    assert stack.named("plain").inputs["stringData"] == SECRET
