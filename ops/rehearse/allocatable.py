"""How much of a machine is left for pods, estimated conservatively: a rehearsal must not find room that a cloud lacks.

A node has less memory than advertised, the kubelet reserves a share, and the cloud's own pods need some.
"""

from dataclasses import dataclass

from infra.catalog.machines import Cloud, Machine

MEMORY_LOST = 0.075
"""Share of a machine's memory lost to hypervisor and kernel: `vm-memory-overhead-percent` of
https://karpenter.sh/docs/reference/settings/."""

EVICTION_MIB = 100
"""The free memory below which the kubelet evicts pods: both clouds keep Kubernetes' default."""

CLOUD_PODS_MILLICORES, CLOUD_PODS_MIB = 500, 512
"""Reserved on each node for the cloud's pods in kube-system: DNS, CSI driver, proxy, logging. Our own assumption."""

_CPU_SHARES = ((1, 0.06), (1, 0.01), (2, 0.005), (float("inf"), 0.0025))
"""Shares of the first core, the next one, the next two and the rest; the same on GKE and EKS (sources below)."""
_GKE_MEMORY_SHARES = ((4, 0.25), (4, 0.20), (8, 0.10), (112, 0.06), (float("inf"), 0.02))
"""Shares of the first GiB, the next ones, ...:
https://docs.cloud.google.com/kubernetes-engine/docs/concepts/plan-node-sizes"""
_GKE_LOCAL_SSD_RESERVED_GIB = (50, 75, 100)
"""With one, two, and three or more local SSDs; from the same page."""
LOCAL_SSD_GB = 375

_EKS_MEMORY_MIB, _EKS_MEMORY_MIB_A_POD = 255, 11
"""https://github.com/awslabs/amazon-eks-ami, nodeadm/internal/kubelet/config.go; Bottlerocket computes the same."""


@dataclass(frozen=True, kw_only=True)
class Allocatable:
    """What our pods may request on one node."""

    millicores: int
    memory_mib: int
    disk_gib: int
    pods: int
    gpus: int = 0

    @property
    def quantities(self) -> dict[str, str]:
        """The same in the form of a Node's status."""
        gpus = {"nvidia.com/gpu": str(self.gpus)} if self.gpus else {}
        return {
            "cpu": f"{self.millicores}m",
            "memory": f"{self.memory_mib}Mi",
            "ephemeral-storage": f"{self.disk_gib}Gi",
            "pods": str(self.pods),
            **gpus,
        }


def allocatable(
    cloud: Cloud, machine: Machine, *, disk_gb: int, local_ssds: int = 0, gpus: int, pods: int
) -> Allocatable:
    """Return what a machine with a boot disk of this size leaves for our pods if it offers `gpus` and accepts `pods`.

    GKE puts pods' temporary files on local SSDs if there are any.
    """
    memory_gib = machine.memory_gib * (1 - MEMORY_LOST)
    if cloud == "gke":
        reserved_mib = _shares(memory_gib, _GKE_MEMORY_SHARES) * 1024
    else:
        reserved_mib = _EKS_MEMORY_MIB + _EKS_MEMORY_MIB_A_POD * pods
    return Allocatable(
        millicores=int((machine.vcpus - _shares(machine.vcpus, _CPU_SHARES)) * 1000) - CLOUD_PODS_MILLICORES,
        memory_mib=int(memory_gib * 1024 - reserved_mib) - EVICTION_MIB - CLOUD_PODS_MIB,
        disk_gib=_disk_gib(cloud, disk_gb, local_ssds),
        pods=pods,
        gpus=gpus,
    )


def _disk_gib(cloud: Cloud, disk_gb: int, local_ssds: int) -> int:
    """Return the disk for pods: a tenth stays free; GKE reserves by size for images and logs, EKS one GiB."""
    if local_ssds:
        return int(local_ssds * LOCAL_SSD_GB * 0.9 - _GKE_LOCAL_SSD_RESERVED_GIB[min(local_ssds, 3) - 1])
    reserved = min(disk_gb * 0.5, 6 + disk_gb * 0.35, 100) if cloud == "gke" else 1
    return int(disk_gb * 0.9 - reserved)


def _shares(amount: float, shares: tuple[tuple[float, float], ...]) -> float:
    taken = 0.0
    for width, share in shares:
        taken += min(amount, width) * share
        amount = max(amount - width, 0)
    return taken
