"""The region joins a cluster and its services, makes nothing itself, and loads one cloud's SDK at most."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pulumi
import pytest

from infra.config.load import from_file, stack_files
from infra.services.network import NOT_INTERNET
from ops.plan.program import plan_stack
from ops.plan.recorder import record
from stacks.__main__ import main
from tests.contract.leaf_flip import changed
from tests.support.stacks import planned

STACKS = stack_files()
REGION = "ragspan:region:RagRegion"
CLOUD_SDKS = ("pulumi_aws", "pulumi_eks", "pulumi_gcp")


@pytest.mark.parametrize("stack", STACKS)
def test_the_region_makes_components_only(stack: str) -> None:
    region = planned(stack).of_type(REGION)[0]
    children = [resource for resource in planned(stack).resources if resource.parent == region.urn]
    assert {child.type.split(":")[0] for child in children} == {"ragspan"}
    assert not any(child.custom for child in children)


@pytest.mark.parametrize("stack", STACKS)
def test_everything_stands_in_the_region_and_nothing_uses_an_ambient_provider(stack: str) -> None:
    for resource in planned(stack).resources:
        assert resource.parent or resource.type == REGION, f"{resource.urn} is an orphan"
        if resource.custom and not resource.type.startswith("pulumi:providers:"):
            assert resource.provider, f"{resource.urn} would use whatever credentials are around"


@pytest.mark.parametrize("stack", STACKS)
def test_every_workload_stands_in_the_stacks_namespace(stack: str) -> None:
    elsewhere = {"Namespace", "StorageClass", "VolumeSnapshotClass", "ComputeClass", "EC2NodeClass", "NodePool"}
    objects = [manifest for manifest in planned(stack).manifests() if manifest.kind not in elsewhere]
    assert {manifest.namespace for manifest in objects} == {"ragspan"}


@pytest.mark.parametrize("stack", STACKS)
def test_no_stack_makes_a_secret(stack: str) -> None:
    assert not planned(stack).of_type("kubernetes:core/v1:Secret")


@pytest.mark.parametrize("stack", STACKS)
def test_the_region_tells_where_to_ask(stack: str) -> None:
    assert planned(stack).outputs == {"namespace": "ragspan", "api_address": "http://rag-api.ragspan.svc"}


@pytest.mark.parametrize(
    "loaded",
    [
        {"local": set[str](), "prod-gcp-europe-west4": {"pulumi_gcp"}},
        {"prod-aws-us-east-1": {"pulumi_aws"}},
    ],
    ids=["none, then Google's", "Amazon's"],
)
def test_a_stack_loads_the_sdk_of_its_own_cloud_only(loaded: dict[str, set[str]]) -> None:
    program = (
        "import sys; from pathlib import Path; from infra.config.load import from_file;"
        "from ops.plan.program import plan_stack\n"
        "for file in sys.argv[1:]: plan_stack(from_file(Path(file)));"
        f"print(*[sdk for sdk in {CLOUD_SDKS} if sdk in sys.modules])"
    )
    found = subprocess.run(
        [sys.executable, "-c", program, *(STACKS[stack] for stack in loaded)],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
    )
    assert [set(line.split()) for line in found.stdout.splitlines()] == list(loaded.values())


@pytest.mark.parametrize("stack", ["prod-gcp-europe-west4", "prod-aws-us-east-1"])
def test_head_room_stands_on_the_pools_that_ask_for_it(stack: str) -> None:
    size = {"pods": 1, "cpu_cores": 1, "memory_gib": 1}

    def ask(data: dict[str, Any]) -> None:
        for pool, gpus in ((0, 0), (2, 1)):
            data["cluster"]["pools"][pool]["headroom"] = size | {"gpus": gpus}

    held = plan_stack(changed(from_file(STACKS[stack]), ask)).manifests()
    pods = {
        m.name: m.body["spec"]["template"]["spec"]
        for m in held
        if m.kind == "Deployment" and m.name.startswith("headroom-")
    }
    assert {name: pod["nodeSelector"]["ragspan.dev/pool"] for name, pod in pods.items()} == {
        "headroom-l4": "l4",
        "headroom-system": "system",
    }
    assert not [manifest for manifest in planned(stack).manifests() if "headroom" in manifest.name]


def test_a_refused_configuration_ends_the_program_with_a_sentence() -> None:
    with pytest.raises(pulumi.RunError, match=r"stacks/Pulumi\.local\.yaml: ragspan:app: "):
        record("local", main, {"ragspan:environment": "local"})


def test_a_managed_cache_is_reached_at_its_own_network_and_port_alone() -> None:
    stack = plan_stack(changed(from_file(STACKS["local"]), _use_managed_cache))
    bodies = {(m.kind, m.name): m.body for m in stack.manifests()}
    (container,) = bodies["Deployment", "rag-api"]["spec"]["template"]["spec"]["containers"]
    assert {"name": "RAGSPAN_REDIS_URL", "value": "rediss://cache.example:6380"} in container["env"]
    (rule,) = [r for r in bodies["NetworkPolicy", "rag-api"]["spec"]["egress"] if "ipBlock" in r["to"][0]]
    assert rule["to"] == [{"ipBlock": {"cidr": "10.7.0.0/24"}}]
    assert rule["ports"] == [{"port": 6380, "protocol": "TCP"}]
    assert ("Deployment", "valkey") not in bodies


def _use_managed_cache(data: dict[str, Any]) -> None:
    password = {"name": "valkey", "key": "password"}
    data["cache"] = {
        "kind": "external", "host": "cache.example", "port": 6380, "cidr": "10.7.0.0/24", "password": password,
    }  # fmt: skip


ENDPOINT = {"kind": "endpoint", "url": "http://nim.nim.svc:8000/v1", "model": "meta/llama", "max_answer_tokens": 512}


@pytest.mark.parametrize(
    ("where", "peer", "port"),
    [
        (
            {"namespace": "nim"},
            {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "nim"}}},
            8000,
        ),
        ({"cidr": "10.7.0.0/24"}, {"ipBlock": {"cidr": "10.7.0.0/24"}}, 8000),
        ({"url": "https://api.example/v1"}, {"ipBlock": {"cidr": "0.0.0.0/0", "except": list(NOT_INTERNET)}}, 443),
    ],
)
def test_a_model_server_that_is_there_already_is_asked_and_nothing_is_made_for_it(
    where: dict[str, str], peer: dict[str, Any], port: int
) -> None:
    llm = {**ENDPOINT, "api_key": {"name": "llm", "key": "api-key"}, **where}
    stack = plan_stack(changed(from_file(STACKS["local"]), lambda data: data["models"].update(llm=llm)))
    bodies = {(m.kind, m.name): m.body for m in stack.manifests()}
    (container,) = bodies["Deployment", "rag-api"]["spec"]["template"]["spec"]["containers"]
    env = {variable["name"]: variable.get("value", "") for variable in container["env"]}
    assert (env["RAGSPAN_GENERATOR_URL"], env["RAGSPAN_GENERATOR_MODEL"]) == (llm["url"], "meta/llama")
    assert "RAGSPAN_GENERATOR_API_KEY" in env
    rules = bodies["NetworkPolicy", "rag-api"]["spec"]["egress"]
    assert {"to": [peer], "ports": [{"port": port, "protocol": "TCP"}]} in rules
    assert ("Deployment", "llm") not in bodies


def test_a_model_server_without_a_key_is_shown_none() -> None:
    llm = {**ENDPOINT, "namespace": "nim"}
    stack = plan_stack(changed(from_file(STACKS["local"]), lambda data: data["models"].update(llm=llm)))
    (rag_api,) = [m.body for m in stack.manifests() if (m.kind, m.name) == ("Deployment", "rag-api")]
    assert "RAGSPAN_GENERATOR_API_KEY" not in str(rag_api)
