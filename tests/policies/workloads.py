"""Real Kubernetes workloads for the rules to judge, recorded as a stack would register them."""

from collections.abc import Mapping
from typing import Any

import pulumi_kubernetes as k8s

from ops.plan.graph import RecordedStack
from ops.plan.policies import Verdict, check_policies
from policies.rules import RULES
from tests.support.recording import recorded

RESTRICTED = {
    "runAsNonRoot": True,
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
}
CONTAINER: dict[str, Any] = {"name": "server", "image": "registry.example/server:1.2.3", "securityContext": RESTRICTED}
GPU_RESOURCES = {"requests": {"cpu": "4"}, "limits": {"nvidia.com/gpu": 2, "memory": "64Gi"}}


def deployment(container: Mapping[str, Any] | None = None, **pod: Any) -> RecordedStack:
    """A stack of one Deployment; `container` replaces fields of the hardened one, None removes a field."""
    merged = {key: value for key, value in {**CONTAINER, **(container or {})}.items() if value is not None}
    template = {"metadata": {"labels": {"app": "server"}}, "spec": {"containers": [merged], **pod}}
    spec: Any = {"selector": {"matchLabels": {"app": "server"}}, "template": template}
    return recorded(lambda: k8s.apps.v1.Deployment("server", metadata={"name": "server"}, spec=spec))


def verdict(policy: str, stack: RecordedStack) -> Verdict:
    """What one policy of the pack says of the stack."""
    return check_policies(stack, [rule for rule in RULES if rule.name == policy])[0]


def messages(policy: str, stack: RecordedStack) -> list[str]:
    """The violations that one policy finds, after making sure that it judged the stack's one workload."""
    found = verdict(policy, stack)
    assert (found.checked, found.skipped_reason) == (1, None)
    return [violation.message for violation in found.violations]
