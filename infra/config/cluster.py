"""Where the services run: a GKE cluster, an EKS cluster, or one that exists already."""

from typing import Annotated, Literal

from pydantic import Field

from infra.config.eks import EksCluster
from infra.config.gke import GkeCluster
from infra.config.section import FlipsTo, Section


class ExistingCluster(Section):
    """A cluster made elsewhere (k3d, kind, on-premises), reached by its kubeconfig context."""

    kind: Literal["existing"]
    context: Annotated[str, Field(min_length=1), FlipsTo("another-context")]
    """Name of the kubeconfig context."""
    storage_class: Annotated[str, Field(min_length=1), FlipsTo("another-class")]
    """Class of the volumes that stateful services claim."""


Cluster = Annotated[GkeCluster | EksCluster | ExistingCluster, Field(discriminator="kind")]
