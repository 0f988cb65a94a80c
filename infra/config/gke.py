"""A GKE cluster as the stack file describes it."""

from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from infra.config.cidr import Cidr, require_apart
from infra.config.minor import Minor, require_minor
from infra.config.pool_rules import require_accelerators, require_pools, require_zones
from infra.config.pools import NodePool
from infra.config.section import FlipsTo, Section


class GkeCluster(Section):
    """A private, VPC-native, regional GKE cluster."""

    kind: Literal["gke"]
    project_id: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{4,28}[a-z0-9]$"), FlipsTo("another-project")]
    """Project that everything is created in."""
    region: Annotated[str, StringConstraints(pattern=r"^[a-z]+-[a-z]+[0-9]+$")]
    """The cloud's name for it; part of the stack's name."""
    zones: Annotated[tuple[str, ...], Field(min_length=1, max_length=3), FlipsTo(("europe-west4-b",))]
    """Where nodes run. Three keep an index of three replicas through the loss of one."""
    kubernetes_minor: Annotated[Minor, FlipsTo("1.34")]
    """In quotes, such as "1.35"."""
    release_channel: Annotated[Literal["RAPID", "REGULAR", "STABLE"], FlipsTo("RAPID")]
    """How early patches arrive."""
    nodes_cidr: Annotated[Cidr, FlipsTo("10.200.0.0/20")]
    """Addresses of nodes."""
    pods_cidr: Annotated[Cidr, FlipsTo("10.128.0.0/14")]
    """Addresses of pods; a /14 has room for 1 024 nodes."""
    services_cidr: Annotated[Cidr, FlipsTo("10.210.0.0/20")]
    """Addresses of Services."""
    deletion_protection: bool
    """Refuse to delete the cluster until this is set to false and applied."""
    pools: Annotated[tuple[NodePool, ...], Field(min_length=1)]
    """Node pools, exactly one of them a cpu pool of purpose `system`."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        require_zones(self.zones, self.region, separator="-")
        require_apart(nodes_cidr=self.nodes_cidr, pods_cidr=self.pods_cidr, services_cidr=self.services_cidr)
        require_minor("gke", self.kubernetes_minor, self.release_channel)
        require_pools("gke", self.pools, self.zones)
        require_accelerators("gke", self.region, self.zones, self.pools)
        return self
