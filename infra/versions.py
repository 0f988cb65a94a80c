"""All pinned versions of images, charts, add-ons and APIs, with their sources: an upgrade is one reviewed diff."""

from collections.abc import Mapping
from dataclasses import dataclass, field


class MinorNotPinned(ValueError):
    """Nothing is pinned for this Kubernetes minor."""


@dataclass(frozen=True, kw_only=True)
class EksAddons:
    """The EKS add-ons for one Kubernetes minor, with versions as `aws eks describe-addon-versions` spells them."""

    coredns: str
    kube_proxy: str
    vpc_cni: str = "v1.22.4-eksbuild.3"
    pod_identity_agent: str = "v1.3.10-eksbuild.3"
    ebs_csi_driver: str = "v1.63.1-eksbuild.1"
    efs_csi_driver: str = "v3.4.1-eksbuild.1"
    snapshot_controller: str = "v8.6.0-eksbuild.4"


def _eks_addons() -> Mapping[str, EksAddons]:
    return {
        "1.33": EksAddons(coredns="v1.12.4-eksbuild.29", kube_proxy="v1.33.10-eksbuild.21"),
        "1.34": EksAddons(coredns="v1.12.4-eksbuild.29", kube_proxy="v1.34.6-eksbuild.21"),
        "1.35": EksAddons(coredns="v1.13.2-eksbuild.21", kube_proxy="v1.35.3-eksbuild.21"),
        "1.36": EksAddons(coredns="v1.14.3-eksbuild.14", kube_proxy="v1.36.0-eksbuild.17"),
    }


@dataclass(frozen=True, kw_only=True)
class Versions:
    """What this release of ragspan installs."""

    weaviate_image: str = "cr.weaviate.io/semitechnologies/weaviate:1.39.15"
    """Newest patch of 1.39 at https://docs.weaviate.io/weaviate/release-notes; the tests run a server of this minor."""

    vllm_image: str = "docker.io/vllm/vllm-openai:v0.33.0"
    """https://hub.docker.com/r/vllm/vllm-openai/tags; the newest release of the vllm package."""

    valkey_image: str = "docker.io/valkey/valkey:9.1.1-alpine"
    """https://hub.docker.com/r/valkey/valkey/tags; 9.1 is the newest minor, and what its chart 0.11 installs."""

    pause_image: str = (
        "registry.k8s.io/pause:3.10@sha256:ee6521f290b2168b6e0935a181d4cff9be1ac3f505666ef0e3c98fae8199917a"
    )
    """What head-room pods run: https://github.com/kubernetes/kubernetes/blob/master/build/pause/CHANGELOG.md"""

    karpenter_chart: str = "1.14.1"
    """Of karpenter and karpenter-crd at https://gallery.ecr.aws/karpenter/karpenter; 1.14 is the newest whose source
    was read. https://karpenter.sh/docs/upgrading/compatibility/ says which Kubernetes minors it serves."""

    bottlerocket_alias: str = "bottlerocket@v1.63.0"
    """https://github.com/bottlerocket-os/bottlerocket/releases. Nodes of Karpenter's pools are replaced, one at a time,
    when it changes; the system pool's follow EKS's own releases."""

    eks_addons: Mapping[str, EksAddons] = field(default_factory=_eks_addons)
    """By Kubernetes minor, because kube-proxy follows the minor. Recorded from `aws eks describe-addon-versions` in
    September 2026 by several public repositories; compare with
    https://docs.aws.amazon.com/eks/latest/userguide/managing-kube-proxy.html when a minor is added."""

    def eks_addons_for(self, minor: str) -> EksAddons:
        """Return the add-ons for a minor such as "1.34". Raises MinorNotPinned."""
        if minor not in self.eks_addons:
            raise MinorNotPinned(
                f"ragspan:cluster.kubernetes_minor is {minor!r}, and no EKS add-ons are pinned for it;"
                f" allowed: {', '.join(self.eks_addons)}; write one of these, or add the minor to infra/versions.py."
            )
        return self.eks_addons[minor]


VERSIONS = Versions()
