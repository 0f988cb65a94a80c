"""A GKE cluster as the stack file describes it."""

from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from infra.config.buckets import Buckets
from infra.config.cidr import Cidr, require_apart
from infra.config.gke_ranges import require_room
from infra.config.minor import Minor, require_minor
from infra.config.pool_rules import require_accelerators, require_pools, require_zones
from infra.config.pools import NodePool
from infra.config.section import FlipsTo, Section, refuse

_MAINTENANCE_HOURS = 48
"""https://docs.cloud.google.com/kubernetes-engine/docs/concepts/maintenance-windows-and-exclusions"""

Weekday = Literal["MO", "TU", "WE", "TH", "FR", "SA", "SU"]
KmsKey = Annotated[
    str,
    StringConstraints(pattern=r"^projects/[^/]+/locations/[^/]+/keyRings/[^/]+/cryptoKeys/[^/]+$"),
    FlipsTo("projects/another/locations/europe-west4/keyRings/ragspan/cryptoKeys/gke"),
]
"""Full name of a key that Google's service agent may use."""


class MaintenanceWindow(Section):
    """When GKE may upgrade control plane and nodes. It requires 48 hours in 32 days, in windows of 4 or more."""

    days: Annotated[tuple[Weekday, ...], Field(min_length=1, max_length=7), FlipsTo(("MO", "TU", "WE", "TH"))]
    """Days of the week on which a window opens."""
    start_utc: Annotated[str, StringConstraints(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$"), FlipsTo("01:30")]
    """When it opens, in quotes: "22:00"."""
    hours: Annotated[int, Field(ge=4, le=24), FlipsTo(8)]
    """How long it stays open."""

    @model_validator(mode="after")
    def _long_enough(self) -> Self:
        if 4 * len(set(self.days)) * self.hours < _MAINTENANCE_HOURS:
            raise refuse(
                f"{len(set(self.days))} windows of {self.hours} hours a week leave less than 48 hours in 32 days",
                key="hours",
                value=self.hours,
                allowed=f"{-(-_MAINTENANCE_HOURS // (4 * len(set(self.days))))} or more on this many days",
                remedy="lengthen the window or add days",
            )
        return self


class GkeBuckets(Buckets):
    """Buckets for documents and for backups, beside the cluster."""

    encryption_key: KmsKey | None = None
    """Your own key for the objects; if left out, Google's."""


class GkeCluster(Section):
    """A private, VPC-native, regional GKE cluster."""

    kind: Literal["gke"]
    project_id: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{4,28}[a-z0-9]$"), FlipsTo("another-project")]
    """Project that everything is created in."""
    project_number: Annotated[str, StringConstraints(pattern=r"^[0-9]{6,15}$"), FlipsTo("222222222222")] | None = None
    """Number of that project, in quotes; it is part of the names of Google's service agents."""
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
    """Addresses of pods; a /14 has room for 1 024 nodes of 110 pods."""
    services_cidr: Annotated[Cidr, FlipsTo("10.210.0.0/20")]
    """Addresses of Services."""
    max_pods_per_node: Annotated[int, Field(ge=8, le=256), FlipsTo(64)] = 110
    """Each node reserves at least twice as many addresses of `pods_cidr`. A change replaces the node pools."""
    authorized_networks: Annotated[tuple[Cidr, ...], FlipsTo(("198.51.100.0/24",))] = ()
    """Networks that may also reach the control plane by IP address; if empty, only its DNS name answers."""
    maintenance: Annotated[
        MaintenanceWindow | None, FlipsTo({"days": ["SA", "SU"], "start_utc": "20:00", "hours": 8})
    ] = None
    """When upgrades may happen; if left out, at any time."""
    database_encryption_key: KmsKey | None = None
    """Your own key for what the control plane stores; if left out, Google's."""
    managed_prometheus: bool = True
    """Collect metrics of pods and GPUs in Google's Prometheus, billed by sample; otherwise the system's only."""
    shared_volumes: bool = False
    """Filestore, for volumes that many pods write to, such as model caches; billed by the TiB, at least one."""
    bucket_volumes: bool = False
    """Let pods mount buckets (Cloud Storage FUSE)."""
    buckets: Annotated[
        GkeBuckets | None, FlipsTo({"cold_after_days": 60, "keep_replaced_days": 30, "protect": False})
    ] = None
    """Buckets to create; if left out, none."""
    deletion_protection: bool
    """Refuse to delete the cluster until this is set to false and applied."""
    pools: Annotated[tuple[NodePool, ...], Field(min_length=1)]
    """Node pools, exactly one of them a cpu pool of purpose `system`."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        require_zones(self.zones, self.region, separator="-")
        require_apart(nodes_cidr=self.nodes_cidr, pods_cidr=self.pods_cidr, services_cidr=self.services_cidr)
        if self.project_number is None and (self.buckets or self.database_encryption_key):
            raise refuse(
                "buckets and keys of our own are granted to accounts that the project's number names",
                key="project_number",
                allowed="the number that `gcloud projects describe` shows",
                remedy="add it, in quotes",
            )
        require_room(self.nodes_cidr, self.pods_cidr, self.pools, max_pods_per_node=self.max_pods_per_node)
        require_minor("gke", self.kubernetes_minor, self.release_channel)
        require_pools("gke", self.pools, self.zones)
        require_accelerators("gke", self.region, self.zones, self.pools)
        return self
