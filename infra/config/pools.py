"""Node pools: one typed model for CPU and GPU pools on both clouds.

A pool lists the capacity it may be built from, in order; each entry becomes one node pool of the cloud. Custom machine
types and reservations are deliberately absent until a component consumes them.
"""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from infra.config.section import FlipsTo, Name, Section, refuse


class _Bounded(Section):
    min_nodes: Annotated[int, Field(ge=0, le=1000), FlipsTo(2, 1)] = 0
    """Nodes that run, and are paid for, at all times."""
    max_nodes: Annotated[int, Field(ge=1, le=1000), FlipsTo(9)]
    """Nodes that it may grow to: the most it can cost."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.min_nodes > self.max_nodes:
            raise refuse(
                "a pool cannot hold fewer nodes at most than at least",
                key="min_nodes",
                value=self.min_nodes,
                allowed=f"0 to max_nodes ({self.max_nodes})",
                remedy="lower min_nodes or raise max_nodes",
            )
        return self


class OnDemand(_Bounded):
    """Nodes that stay until they are scaled in."""

    kind: Literal["on_demand"]


class Spot(_Bounded):
    """Cheaper nodes that the cloud may take back at any time."""

    kind: Literal["spot"]


Capacity = Annotated[OnDemand | Spot, Field(discriminator="kind")]


class CpuPool(Section):
    """Nodes without accelerators. `system` carries the platform and stateful services, `batch` interruptible work."""

    kind: Literal["cpu"]
    name: Annotated[Name, FlipsTo("renamed")]
    """Name of the pool, which its nodes carry."""
    purpose: Literal["system", "batch"]
    """`system` carries the platform and stateful services, `batch` interruptible work."""
    machine_type: Annotated[str, FlipsTo({"gke": "n2-standard-16", "eks": "m7i.4xlarge"})]
    """The cloud's name, of infra/catalog/machines.csv."""
    disk_size_gb: Annotated[int, Field(ge=50, le=16_000), FlipsTo(333)] = 100
    """Boot disk, which also holds images, weights and temporary files."""
    capacity: Annotated[tuple[Capacity, ...], Field(min_length=1)]
    """What the pool is built from, preferred first; each entry becomes a node pool of the cloud."""

    @model_validator(mode="after")
    def _system_is_never_spot(self) -> "CpuPool":
        if self.purpose == "system" and any(entry.kind == "spot" for entry in self.capacity):
            raise refuse(
                "the system pool carries stateful services, and spot nodes may vanish",
                key="capacity",
                value="spot",
                allowed="on_demand",
                remedy="remove the spot entry, or make the pool's purpose `batch`",
            )
        return self


class GpuPool(Section):
    """Nodes with NVIDIA accelerators, tainted so that only pods which ask for a GPU land there."""

    kind: Literal["gpu"]
    name: Annotated[Name, FlipsTo("renamed")]
    """Name of the pool, which its nodes carry."""
    machine_type: Annotated[str, FlipsTo({"gke": "g2-standard-16", "eks": "g6.8xlarge"})]
    """The cloud's name, of infra/catalog/machines.csv."""
    accelerator: str
    """GKE's name for what the machine carries, on both clouds: nvidia-l4."""
    disk_size_gb: Annotated[int, Field(ge=100, le=16_000), FlipsTo(333)] = 200
    """Boot disk, which also holds images, weights and temporary files."""
    capacity: Annotated[tuple[Capacity, ...], Field(min_length=1)]
    """What the pool is built from, preferred first; each entry becomes a node pool of the cloud."""


NodePool = Annotated[CpuPool | GpuPool, Field(discriminator="kind")]
