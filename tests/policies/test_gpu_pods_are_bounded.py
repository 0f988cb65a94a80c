"""gpu-pods-are-bounded, on recorded Deployments."""

from typing import Any

import pulumi_kubernetes as k8s
import pytest

from tests.policies.workloads import CONTAINER, GPU_RESOURCES, deployment, messages
from tests.support.recording import recorded

RULE = "gpu-pods-are-bounded"
TOLERATIONS = [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}]


def test_a_bounded_gpu_pod_passes() -> None:
    assert messages(RULE, deployment({"resources": GPU_RESOURCES}, tolerations=TOLERATIONS)) == []


def test_a_pod_away_from_gpus_passes() -> None:
    assert messages(RULE, deployment()) == []


@pytest.mark.parametrize(
    ("resources", "problem"),
    [
        ({"requests": {"nvidia.com/gpu": 1, "cpu": 1}, "limits": {"memory": "1Gi"}}, "['nvidia.com/gpu'] is missing"),
        ({"requests": {"cpu": 1}, "limits": {"nvidia.com/gpu": 2}}, "limits.memory is missing"),
        ({"limits": {"nvidia.com/gpu": 2, "memory": "1Gi"}}, "requests.cpu is missing"),
    ],
)
def test_a_missing_bound_is_refused(resources: dict[str, Any], problem: str) -> None:
    (message,) = messages(RULE, deployment({"resources": resources}))
    assert problem in message


@pytest.mark.parametrize("count", ["0", "0.5", "1500m"])
def test_a_part_of_a_gpu_is_refused(count: str) -> None:
    limits = {**GPU_RESOURCES["limits"], "nvidia.com/gpu": count}
    (message,) = messages(RULE, deployment({"resources": {**GPU_RESOURCES, "limits": limits}}))
    assert f"is {count}; write a whole number of GPUs" in message


def test_a_request_other_than_the_limit_is_refused() -> None:
    requests = {**GPU_RESOURCES["requests"], "nvidia.com/gpu": 1}
    (message,) = messages(RULE, deployment({"resources": {**GPU_RESOURCES, "requests": requests}}))
    assert "they must be equal" in message


@pytest.mark.parametrize(
    ("pod", "reason"),
    [
        ({"tolerations": TOLERATIONS}, "tolerates the taint nvidia.com/gpu"),
        ({"tolerations": [{"operator": "Exists"}]}, "tolerates the taint nvidia.com/gpu"),
        ({"nodeSelector": {"cloud.google.com/gke-accelerator": "nvidia-l4"}}, "selects nodes by cloud.google.com/gke-"),
        (
            {"containers": [{**CONTAINER, "env": [{"name": "NVIDIA_VISIBLE_DEVICES", "value": "all"}]}]},
            "sets NVIDIA_VISIBLE_DEVICES",
        ),
    ],
)
def test_a_pod_on_gpu_nodes_without_a_gpu_is_refused(pod: dict[str, Any], reason: str) -> None:
    (message,) = messages(RULE, deployment(**pod))
    assert message.startswith(f"it {reason}")


def test_a_node_agent_may_tolerate_the_taint() -> None:
    template = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [CONTAINER], "tolerations": TOLERATIONS}}
    spec: Any = {"selector": {"matchLabels": {"a": "b"}}, "template": template}
    assert messages(RULE, recorded(lambda: k8s.apps.v1.DaemonSet("agent", spec=spec))) == []
