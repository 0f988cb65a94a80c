"""The runner says no where a cluster would, and leaves nothing behind."""

import copy
import secrets
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

from tests.integration.pods.conftest import STACK
from tests.support.pods.cluster import Cluster, running_pods
from tests.support.pods.images import image_of, images
from tests.support.pods.objects import NotUnderstood, pods_of
from tests.support.stacks import planned

pytestmark = [pytest.mark.needs("weaviate-server"), pytest.mark.needs("namespaces"), pytest.mark.needs("redis")]
KEY = secrets.token_urlsafe()


@pytest.fixture
def model_server() -> dict[str, Any]:
    """The rendered Deployment of the model server, the lightest of the pods, with one replica."""
    found = [m.body for m in planned(STACK).manifests() if (m.kind, m.name) == ("Deployment", "llm")]
    body = copy.deepcopy(dict(found[0]))
    body["spec"]["replicas"] = 1
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        container_of(body)[probe]["periodSeconds"] = 1
    return body


@pytest.fixture
def service() -> dict[str, Any]:
    return next(dict(m.body) for m in planned(STACK).manifests() if (m.kind, m.name) == ("Service", "llm"))


def container_of(body: dict[str, Any]) -> dict[str, Any]:
    return body["spec"]["template"]["spec"]["containers"][0]


Run = Callable[[dict[str, Any]], AbstractContextManager[Cluster]]


@pytest.fixture
def run(service: dict[str, Any], tmp_path: Path) -> Run:
    """Runs one workload and the Service before it."""

    def start(body: dict[str, Any]) -> AbstractContextManager[Cluster]:
        return running_pods([body, service], {"llm": {"api-key": KEY}}, tmp_path, {"llm": 8000})

    return start


def test_a_pod_whose_startup_probe_asks_in_the_wrong_place_is_restarted_and_never_starts(
    run: Run, model_server: dict[str, Any]
) -> None:
    container_of(model_server)["startupProbe"] |= {
        "httpGet": {"path": "/nowhere", "port": "http"},
        "failureThreshold": 9,
    }
    with run(model_server) as cluster:
        cluster.wait_until(lambda pods: pods["llm-0"]["restarts"] == 1)
        assert not cluster.pods["llm-0"]["started"]


def test_a_pod_whose_liveness_probe_asks_in_the_wrong_place_is_restarted(
    run: Run, model_server: dict[str, Any]
) -> None:
    container_of(model_server)["livenessProbe"] |= {"httpGet": {"path": "/nowhere", "port": "http"}}
    with run(model_server) as cluster:
        cluster.wait_until(lambda pods: pods["llm-0"]["started"] and pods["llm-0"]["restarts"] == 1)


def test_a_service_sends_nothing_to_a_pod_that_is_not_ready(run: Run, model_server: dict[str, Any]) -> None:
    container_of(model_server)["readinessProbe"] |= {"httpGet": {"path": "/nowhere", "port": "http"}}
    with run(model_server) as cluster:
        cluster.wait_until(lambda pods: pods["llm-0"]["started"])
        with pytest.raises(OSError, match=r"Connection reset|closed connection"):
            urlopen(f"{cluster.urls['llm']}/health", timeout=5)


def test_a_command_line_that_the_program_refuses_is_seen_in_its_log(run: Run, model_server: dict[str, Any]) -> None:
    container_of(model_server)["args"].append("--max-model-length=9")
    with run(model_server) as cluster, pytest.raises(AssertionError, match="max-model-length"):
        cluster.wait_until_ready(1, timeout_s=10)


def test_nothing_runs_after_the_block(run: Run, model_server: dict[str, Any]) -> None:
    with run(model_server) as cluster:
        cluster.wait_until_ready(1)
        assert len(processes_with(KEY)) == 1
    assert processes_with(KEY) == []


def processes_with(secret: str) -> list[str]:
    """Ids of the processes that were given a variable of this value."""
    found: list[str] = []
    for environment in Path("/proc").glob("[0-9]*/environ"):
        try:
            found += [environment.parent.name] if secret in environment.read_text() else []
        except OSError:
            continue
    return found


@pytest.mark.parametrize("part", ["pod", "container", "probe"])
def test_a_rendered_field_that_the_runner_cannot_carry_out_is_refused(model_server: dict[str, Any], part: str) -> None:
    pod = model_server["spec"]["template"]["spec"]
    {"pod": pod, "container": pod["containers"][0], "probe": pod["containers"][0]["startupProbe"]}[part]["novelty"] = 1
    with pytest.raises(NotUnderstood, match=f"The {part} has novelty"):
        [pod.probe("startup") for pod in pods_of(model_server)]


def test_an_image_for_which_no_program_stands_is_refused() -> None:
    with pytest.raises(LookupError, match=r"busybox:1\.37; add it"):
        image_of("docker.io/library/busybox:1.37", images())
