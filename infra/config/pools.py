"""Node pools: one typed model for CPU and GPU pools on both clouds.

A pool lists the capacity that it may be built from, in order; each entry becomes one node pool of the cloud.
`pool_rules.py` contains what each cloud refuses.
"""

from collections.abc import Sequence
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from infra.catalog.machines import Cloud, Machine, accelerators, find_machine
from infra.config.section import FlipsTo, Name, Section, refuse


class _Bounded(Section):
    min_nodes: Annotated[int, Field(ge=0, le=1000), FlipsTo(2, 1)] = 0
    """Nodes that always run and are always paid for."""
    max_nodes: Annotated[int, Field(ge=1, le=1000), FlipsTo(9)]
    """Nodes that it may grow to, which bounds its cost."""

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


class Reservation(_Bounded):
    """Nodes that are reserved in one zone and paid for already; `max_nodes` is how many the reservation holds."""

    kind: Literal["reservation"]
    name: Annotated[
        str,
        StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,61}[a-z0-9]$"),
        FlipsTo({"gke": "another-reservation", "eks": "cr-0123456789abcdef0"}),
    ]
    """GKE: the reservation's name. EKS: its identifier, cr-…"""
    zone: Annotated[str, FlipsTo({"gke": "us-central1-b", "eks": "eu-west-1b"})]
    """Its zone, one of the cluster's."""


Capacity = Annotated[OnDemand | Spot | Reservation, Field(discriminator="kind")]


def _in_order(capacity: tuple[Capacity, ...]) -> tuple[Capacity, ...]:
    kinds = [entry.kind for entry in capacity]
    if len(set(kinds)) < len(kinds):
        raise refuse(
            "a kind of capacity is listed twice",
            value=kinds,
            allowed="reservation, spot and on_demand, each at most once",
            remedy="merge the entries, or make another pool of one of them",
        )
    if "reservation" in kinds[1:]:
        raise refuse(
            "a reservation is paid for whether it is used or not, and stands behind other capacity",
            value=kinds,
            allowed="a reservation in the first place",
            remedy="move it to the top of the list",
        )
    return capacity


Capacities = Annotated[tuple[Capacity, ...], Field(min_length=1), AfterValidator(_in_order)]


class TimeSlicing(Section):
    """Containers take turns on a GPU. They see, and may fill, one another's share of its memory."""

    kind: Literal["time_slicing"]
    clients: Annotated[int, Field(ge=2, le=48), FlipsTo(3)]
    """Containers that share one GPU."""


class Mps(Section):
    """Containers compute at the same time on a GPU, each within its share of the memory. GKE only."""

    kind: Literal["mps"]
    clients: Annotated[int, Field(ge=2, le=48), FlipsTo(3)]
    """Containers that share one GPU."""


class Mig(Section):
    """GPUs are divided in hardware, and each container has a partition to itself."""

    kind: Literal["mig"]
    profile: Annotated[str, FlipsTo("1g.10gb", "1g.20gb")]
    """Size of every partition, of infra/catalog/mig_profiles.csv: 1g.20gb."""


Sharing = Annotated[TimeSlicing | Mps | Mig, Field(discriminator="kind")]


class MachineFigures(Section):
    """What a machine type carries that the catalogue does not know."""

    vcpus: Annotated[int, Field(ge=1, le=1024)]
    """As the cloud counts them."""
    memory_gib: Annotated[int, Field(ge=1, le=32_768)]
    """Main memory."""
    gpus: Annotated[int, Field(ge=0, le=16)] = 0
    """Accelerators of the pool's kind; none in a cpu pool."""


class Headroom(Section):
    """Room that idles for replicas to come: pods of the lowest priority hold it, and any other pod pushes them out."""

    pods: Annotated[int, Field(ge=1, le=100), FlipsTo(2)]
    """How many placeholder pods; each is as large as a replica that is to start without waiting for a node."""
    cpu_cores: Annotated[float, Field(gt=0, le=128), FlipsTo(1.5)]
    """Of each pod."""
    memory_gib: Annotated[float, Field(gt=0, le=2048), FlipsTo(1.5)]
    """Of each pod."""
    gpus: Annotated[int, Field(ge=0, le=16)] = 0
    """Of each pod: one or more in a gpu pool, none in a cpu pool."""


class CpuPool(Section):
    """Nodes without accelerators. `system` carries the platform and stateful services, `batch` interruptible work."""

    kind: Literal["cpu"]
    name: Annotated[Name, FlipsTo("renamed")]
    """Name of the pool; its nodes are labelled with it."""
    purpose: Literal["system", "batch"]
    """`system` runs the platform and stateful services, `batch` interruptible work."""
    machine_type: Annotated[str, FlipsTo({"gke": "n2-standard-16", "eks": "m7i.4xlarge"})]
    """The cloud's name for it, listed in infra/catalog/machines.csv or else described by `machine`."""
    machine: MachineFigures | None = None
    """Describes a machine type that the catalogue does not list."""
    disk_size_gb: Annotated[int, Field(ge=50, le=16_000), FlipsTo(333)] = 100
    """Boot disk, which also holds images, weights and temporary files."""
    headroom: Annotated[Headroom | None, FlipsTo({"pods": 1, "cpu_cores": 1, "memory_gib": 1})] = None
    """Capacity that is paid for and kept free; in a `system` pool only."""
    capacity: Capacities
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
    """Name of the pool; its nodes are labelled with it."""
    machine_type: Annotated[str, FlipsTo({"gke": "g2-standard-16", "eks": "g6.8xlarge"})]
    """The cloud's name for it, listed in infra/catalog/machines.csv or else described by `machine`."""
    accelerator: str
    """The machine's accelerator by GKE's name, on both clouds: nvidia-l4."""
    machine: Annotated[MachineFigures | None, FlipsTo({"vcpus": 8, "memory_gib": 48, "gpus": 2})] = None
    """Describes a machine type that the catalogue does not list."""
    sharing: Annotated[Sharing | None, FlipsTo({"kind": "time_slicing", "clients": 2})] = None
    """How containers share a GPU. Leave it out for model servers, which need whole GPUs."""
    local_ssds: Annotated[int, Field(ge=0, le=32), FlipsTo(1, 2, 8)] = 0
    """Fast disks for images and scratch, 375 GB each, lost with the node. GKE only; A2 Ultra and A3 have their own."""
    image_cache: Annotated[
        str | None,
        StringConstraints(pattern=r"^projects/[^/]+/global/images/[^/]+$"),
        FlipsTo("projects/another-project/global/images/model-server"),
    ] = None
    """A disk image with container images, so that nodes start pods without pulling. GKE only."""
    upgrade: Annotated[Literal["one_by_one", "surge", "blue_green"], FlipsTo("surge", "blue_green")] = "one_by_one"
    """`one_by_one` needs no quota for further GPUs, `surge` one node more, `blue_green` as many again. GKE only."""
    driver: Annotated[Literal["latest", "default"], FlipsTo("default", "latest")] = "latest"
    """NVIDIA's driver, which GKE keeps: the newest that it knows, for new CUDA, or the one it has tested longest. GKE
    only; on EKS the node's image has it."""
    disk_size_gb: Annotated[int, Field(ge=100, le=16_000), FlipsTo(333)] = 200
    """Boot disk, which also holds images, weights and temporary files."""
    idle_minutes: Annotated[int, Field(ge=1, le=1440), FlipsTo(45)] = 30
    """How long an unused node stays: longer than a model takes to load, so that a short lull causes no cold start."""
    headroom: Annotated[Headroom | None, FlipsTo({"pods": 1, "cpu_cores": 1, "memory_gib": 1, "gpus": 1})] = None
    """Capacity that is paid for and kept free."""
    capacity: Capacities
    """What the pool is built from, preferred first; each entry becomes a node pool of the cloud."""


NodePool = Annotated[CpuPool | GpuPool, Field(discriminator="kind")]


def most_nodes(pools: Sequence[NodePool]) -> int:
    """Return the most nodes at once: the maximum of every pool, and one more per entry while nodes are replaced."""
    return sum(entry.max_nodes + 1 for pool in pools for entry in pool.capacity)


def known_machine(cloud: Cloud, pool: NodePool) -> Machine:
    """Return the pool's machine. Raises LookupError if it is unknown, which a cluster's checks rule out."""
    if (machine := machine_of(cloud, pool)) is None:
        raise LookupError(f"What {pool.machine_type} carries is not known; the stack config should have refused it.")
    return machine


def machine_of(cloud: Cloud, pool: NodePool) -> Machine | None:
    """Return the pool's machine, from the catalogue or else from the stack file; None if neither describes it."""
    known = find_machine(cloud, pool.machine_type)
    if known or pool.machine is None:
        return known
    return Machine(
        machine_type=pool.machine_type,
        vcpus=pool.machine.vcpus,
        memory_gib=pool.machine.memory_gib,
        accelerator=accelerators().get(pool.accelerator) if pool.kind == "gpu" else None,
        gpus=pool.machine.gpus,
    )
