"""Changes that a running stack cannot make in one step, which no single stack file can show."""

from infra.config.eks import EksCluster
from infra.config.errors import Problem, key_path, shown
from infra.config.minor import minor_number
from infra.config.stack import StackConfig


def refused_steps(before: StackConfig, after: StackConfig) -> list[Problem]:
    """Return the reasons why updating from one file to the other would be refused half-way."""
    match before.cluster, after.cluster:
        case EksCluster() as old, EksCluster() as new:
            found = _minor_step(old.kubernetes_minor, new.kubernetes_minor)
            return [found] if found else []
        case _:
            return []


def _minor_step(before: str, after: str) -> Problem | None:
    """EKS upgrades a control plane by one minor at a time, and never back.

    https://docs.aws.amazon.com/eks/latest/userguide/update-cluster.html
    """
    old, new = minor_number(before), minor_number(after)
    if new in (old, old + 1):
        return None
    return Problem(
        key=key_path(("cluster", "kubernetes_minor")),
        problem=f"EKS moves one minor at a time and never back, and the cluster is on {before}",
        found=shown(after),
        allowed=f'"{before}" or "1.{old + 1}"',
        remedy=f'write "1.{old + 1}" and apply it before the next' if new > old else f'write "{before}"',
    )
