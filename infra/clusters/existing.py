"""A cluster made elsewhere (k3d, kind, on-premises). Nothing is created in it here and nothing is read from it."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as k8s

from infra.config.cluster import ExistingCluster as ExistingClusterConfig
from infra.contracts import Placement


@dataclass(frozen=True, kw_only=True)
class ExistingClusterArgs:
    """How to reach the existing cluster."""

    config: ExistingClusterConfig


class ExistingCluster(pulumi.ComponentResource):
    """Uses the cluster of a kubeconfig context; the provider opens the kubeconfig only when it deploys."""

    provider: k8s.Provider
    storage_class: str
    ready: Sequence[pulumi.Resource]

    def __init__(self, name: str, args: ExistingClusterArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("ragspan:clusters:ExistingCluster", name, None, opts)
        context = args.config.context
        # The identifier prevents a rewritten kubeconfig from replacing every object in the cluster.
        self.provider = k8s.Provider(
            f"{name}-kubernetes",
            context=context,
            cluster_identifier=context,
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.storage_class = args.config.storage_class
        self.ready = ()
        self.register_outputs({"storage_class": self.storage_class})

    def place_on_system_pool(self) -> Placement:
        return Placement()

    def place_on_gpu_pool(self, pool: str) -> Placement:
        raise LookupError(f"The existing cluster has no GPU pool {pool!r}: the stack config refuses to name one.")
