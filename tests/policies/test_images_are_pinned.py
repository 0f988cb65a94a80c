"""images-are-pinned, on recorded Deployments."""

import pytest

from tests.policies.workloads import CONTAINER, deployment, messages

RULE = "images-are-pinned"


@pytest.mark.parametrize(
    "image",
    [
        "registry.example/server:1.2.3",
        "cr.weaviate.io/semitechnologies/weaviate:1.39.0",
        "docker.io/vllm/vllm-openai:v0.11.2-cu128",
        "localhost:5000/server@sha256:" + "0f" * 32,
        "registry.example/server:latest@sha256:" + "0f" * 32,
    ],
)
def test_a_pinned_image_passes(image: str) -> None:
    assert messages(RULE, deployment({"image": image})) == []


@pytest.mark.parametrize(
    "image", ["server", "server:latest", "server:1.39", "host.example:5.0.1/server", "server@sha256:12"]
)
def test_an_image_that_moves_is_refused(image: str) -> None:
    (message,) = messages(RULE, deployment({"image": image}))
    assert message.startswith(f"container server: image {image!r} is not pinned; allowed: repository@sha256:")


def test_a_missing_image_is_refused() -> None:
    (message,) = messages(RULE, deployment({"image": None}))
    assert message.startswith("container server: image is missing; allowed: ")


def test_init_containers_are_judged_too() -> None:
    stack = deployment(initContainers=[{**CONTAINER, "name": "fetch", "image": "fetch:latest"}])
    (message,) = messages(RULE, stack)
    assert message.startswith("init container fetch: image 'fetch:latest' is not pinned")


def test_a_workload_without_containers_is_refused() -> None:
    (message,) = messages(RULE, deployment(containers=[]))
    assert message == "spec.template.spec.containers is missing; a workload names its containers"
