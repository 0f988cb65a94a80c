"""The known machine types and accelerators: the rows of the CSV files beside this module."""

from dataclasses import dataclass
from functools import cache
from typing import Literal

from infra.catalog.rows import rows

Cloud = Literal["gke", "eks"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Accelerator:
    """One NVIDIA accelerator; `name` is GKE's spelling, used for both clouds.

    `memory_gb` is the advertised size. Error correction and the driver take their share: of an L4's 24 GB, 22.5 GiB are
    left.
    """

    name: str
    memory_gb: int
    compute_capability: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """One machine type; `accelerator` is None and `gpus` 0 for machines without GPUs."""

    machine_type: str
    vcpus: int
    memory_gib: int
    accelerator: Accelerator | None
    gpus: int


def find_machine(cloud: Cloud, machine_type: str) -> Machine | None:
    return _machines(cloud).get(machine_type)


def machines_with(cloud: Cloud, accelerator: str | None) -> list[Machine]:
    """List the cloud's machine types with this accelerator (None: without any), smallest first."""
    carried = [m for m in _machines(cloud).values() if (m.accelerator and m.accelerator.name) == accelerator]
    return sorted(carried, key=lambda machine: (machine.gpus, machine.vcpus))


@cache
def accelerators() -> dict[str, Accelerator]:
    return {
        row["accelerator"]: Accelerator(
            name=row["accelerator"],
            memory_gb=int(row["memory_gb"]),
            compute_capability=row["compute_capability"],
        )
        for row in rows("accelerators.csv")
    }


@cache
def _machines(cloud: Cloud) -> dict[str, Machine]:
    return {
        row["machine_type"]: Machine(
            machine_type=row["machine_type"],
            vcpus=int(row["vcpus"]),
            memory_gib=int(row["memory_gib"]),
            accelerator=accelerators()[row["accelerator"]] if row["accelerator"] else None,
            gpus=int(row["gpus"]),
        )
        for row in rows("machines.csv")
        if row["cloud"] == cloud
    }
