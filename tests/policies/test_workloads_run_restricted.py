"""workloads-run-restricted, on recorded Deployments."""

from typing import Any

import pytest

from tests.policies.workloads import RESTRICTED, deployment, messages

RULE = "workloads-run-restricted"


def test_a_hardened_pod_passes() -> None:
    assert messages(RULE, deployment(volumes=[{"name": "tmp", "emptyDir": {}}])) == []


def test_what_the_pod_says_holds_for_its_containers() -> None:
    shared = {key: RESTRICTED[key] for key in ("runAsNonRoot", "seccompProfile")}
    own = {key: value for key, value in RESTRICTED.items() if key not in shared}
    assert messages(RULE, deployment({"securityContext": own}, securityContext=shared)) == []


@pytest.mark.parametrize("field", RESTRICTED)
def test_a_missing_field_is_refused(field: str) -> None:
    (message,) = messages(RULE, deployment({"securityContext": {k: v for k, v in RESTRICTED.items() if k != field}}))
    assert message.startswith(f"container server: securityContext.{field}")


def test_a_missing_security_context_is_refused_field_by_field() -> None:
    assert len(messages(RULE, deployment({"securityContext": None}))) == len(RESTRICTED)


@pytest.mark.parametrize(
    ("context", "problem"),
    [
        ({"runAsNonRoot": False}, "securityContext.runAsNonRoot is false; write true"),
        ({"runAsUser": 0}, "securityContext.runAsUser is 0, which is root; write another user id"),
        ({"allowPrivilegeEscalation": True}, "securityContext.allowPrivilegeEscalation is true; write false"),
        ({"privileged": True}, "securityContext.privileged is true; remove it"),
        ({"procMount": "Unmasked"}, "securityContext.procMount is Unmasked; remove it"),
        (
            {"capabilities": {"drop": ["ALL"], "add": ["SYS_ADMIN"]}},
            "securityContext.capabilities.add holds SYS_ADMIN; allowed: NET_BIND_SERVICE",
        ),
        (
            {"seccompProfile": {"type": "Unconfined"}},
            "securityContext.seccompProfile.type is Unconfined; allowed: RuntimeDefault, Localhost",
        ),
    ],
)
def test_an_unsafe_container_is_refused(context: dict[str, Any], problem: str) -> None:
    stack = deployment({"securityContext": {**RESTRICTED, **context}})
    assert messages(RULE, stack) == [f"container server: {problem}"]


@pytest.mark.parametrize(
    ("pod", "problem"),
    [
        ({"hostNetwork": True}, "hostNetwork is true; remove it"),
        ({"hostPID": True}, "hostPID is true; remove it"),
        ({"volumes": [{"name": "node", "hostPath": {"path": "/"}}]}, "volume node is of type hostPath; allowed: "),
    ],
)
def test_an_unsafe_pod_is_refused(pod: dict[str, Any], problem: str) -> None:
    (message,) = messages(RULE, deployment(**pod))
    assert message.startswith(problem)


def test_a_port_of_the_node_is_refused() -> None:
    stack = deployment({"ports": [{"containerPort": 80, "hostPort": 8080}]})
    assert messages(RULE, stack) == ["container server: hostPort 8080 is taken on the node; use a Service"]
