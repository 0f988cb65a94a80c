"""Rules that each cloud sets for zones and node pools, each with its remedy."""

from pydantic_core import PydanticCustomError

from infra.catalog.local_ssds import local_ssd_counts
from infra.catalog.locations import zones_with
from infra.catalog.machines import Cloud, accelerators, find_machine, machines_with
from infra.catalog.sharing import mig_profiles
from infra.config.pools import GpuPool, NodePool, machine_of
from infra.config.section import refuse

_NOT_ON = {"eks": {"mps", "mig"}}
"""Kinds of GPU sharing that are not available on a cloud."""


def require_zones(zones: tuple[str, ...], region: str, *, separator: str) -> None:
    """Refuse zones of another region, and a zone named twice."""
    for index, zone in enumerate(zones):
        if zone in zones[:index] or not (
            zone.startswith(region + separator) and len(zone) == len(region + separator) + 1
        ):
            raise refuse(
                f"{zone!r} is not a further zone of {region}",
                key=f"zones[{index}]",
                value=zone,
                allowed=f"different zones such as {region}{separator}a",
                remedy="write zones of the cluster's own region, each once",
            )


def require_pools(cloud: Cloud, pools: tuple[NodePool, ...], zones: tuple[str, ...]) -> None:
    """Refuse pools with the same name, no or several system pools, and pools that this cloud cannot provide."""
    for index, pool in enumerate(pools):
        key = f"pools[{index}]"
        if pool.name in {earlier.name for earlier in pools[:index]}:
            raise refuse(
                "two pools have one name",
                key=f"{key}.name",
                value=pool.name,
                allowed="a name of its own for each pool",
                remedy="rename one of them",
            )
        _require_machine(cloud, pool, key)
        _require_capacity(pool, zones, key)
        _require_headroom(cloud, pool, key)
        if pool.kind == "gpu":
            _require_sharing(cloud, pool, key)
            _require_gke_only(cloud, pool, key)
            _require_local_ssds(pool, key)
    system = [pool.name for pool in pools if pool.kind == "cpu" and pool.purpose == "system"]
    if len(system) != 1:
        raise refuse(
            f"{len(system)} pools have the purpose `system`",
            key="pools",
            value=system,
            allowed="exactly one cpu pool of purpose `system`",
            remedy="add one, or make the others `batch`",
        )


def require_accelerators(cloud: Cloud, region: str, zones: tuple[str, ...], pools: tuple[NodePool, ...]) -> None:
    """Refuse GPU pools in a region, or with only zones in it, known to lack their accelerator."""
    for index, pool in enumerate(pools):
        if pool.kind != "gpu" or (known := zones_with(cloud, pool.accelerator)) is None:
            continue
        if region not in known:
            raise refuse(
                f"{region} has no {pool.accelerator}",
                key=f"pools[{index}].accelerator",
                value=pool.accelerator,
                allowed=f"this accelerator in {', '.join(known)}",
                remedy="choose another accelerator or region, or correct infra/catalog/accelerator_zones.csv",
            )
        for place, entry in enumerate(pool.capacity):
            if entry.kind == "reservation" and known[region] and entry.zone not in known[region]:
                raise refuse(
                    f"{entry.zone} has no {pool.accelerator}",
                    key=f"pools[{index}].capacity[{place}].zone",
                    value=entry.zone,
                    allowed=", ".join(known[region]),
                    remedy="correct it, or infra/catalog/accelerator_zones.csv",
                )
        if not gpu_zones(cloud, pool, zones):
            raise refuse(
                f"no zone of the cluster has {pool.accelerator}",
                key="zones",
                value=list(zones),
                allowed=f"at least one of {', '.join(known[region])}",
                remedy=f"add one of them, or give pool {pool.name} another accelerator",
            )


def gpu_zones(cloud: Cloud, pool: GpuPool, zones: tuple[str, ...]) -> tuple[str, ...]:
    """Return the cluster's zones that have the pool's accelerator; all of them if the catalogue does not know."""
    known = zones_with(cloud, pool.accelerator) or {}
    named = {zone for of in known.values() for zone in of}
    return tuple(zone for zone in zones if zone in named) if named else zones


def _require_machine(cloud: Cloud, pool: NodePool, key: str) -> None:
    accelerator = pool.accelerator if pool.kind == "gpu" else None
    if accelerator and accelerator not in accelerators():
        raise refuse(
            "the accelerator is not known",
            key=f"{key}.accelerator",
            value=accelerator,
            allowed=", ".join(accelerators()),
            remedy="choose one of them, or add it with its source to infra/catalog/accelerators.csv",
        )
    carrying = machines_with(cloud, accelerator)
    machine = machine_of(cloud, pool)
    if pool.machine:
        _require_figures(cloud, pool, key)
    elif machine not in carrying:
        carries = machine.accelerator.name if machine and machine.accelerator else "no accelerator"
        raise refuse(
            f"it carries {carries}, the pool says {accelerator or 'none'}"
            if machine
            else "the machine type is not known",
            key=f"{key}.machine_type",
            value=pool.machine_type,
            allowed=", ".join(choice.machine_type for choice in carrying) or f"none is known with {accelerator}",
            remedy="write one of these, or say what the machine carries: machine: {vcpus, memory_gib, gpus}",
        )


def _require_figures(cloud: Cloud, pool: NodePool, key: str) -> None:
    if find_machine(cloud, pool.machine_type):
        raise refuse(
            f"the catalogue knows what {pool.machine_type} carries",
            key=f"{key}.machine",
            allowed="figures of machine types that infra/catalog/machines.csv does not name",
            remedy="remove it, or correct that file",
        )
    gpus = pool.machine.gpus if pool.machine else 0
    if (gpus > 0) != (pool.kind == "gpu"):
        raise refuse(
            "a gpu pool's machine has GPUs, and a cpu pool's has none",
            key=f"{key}.machine.gpus",
            value=gpus,
            allowed="1 or more" if pool.kind == "gpu" else "0",
            remedy="correct it, or the pool's kind",
        )


def _require_capacity(pool: NodePool, zones: tuple[str, ...], key: str) -> None:
    for index, entry in enumerate(pool.capacity):
        if entry.kind == "reservation" and entry.zone not in zones:
            raise refuse(
                "the reservation is in none of the cluster's zones",
                key=f"{key}.capacity[{index}].zone",
                value=entry.zone,
                allowed=", ".join(zones),
                remedy="correct it, or add the zone to the cluster",
            )


def _require_headroom(cloud: Cloud, pool: NodePool, key: str) -> None:
    room, machine = pool.headroom, machine_of(cloud, pool)
    if room is None or machine is None:
        return
    if pool.kind == "cpu" and pool.purpose == "batch":
        raise refuse(
            "interruptible work waits for its nodes",
            key=f"{key}.headroom",
            allowed="headroom in the system pool and in gpu pools",
            remedy="remove it, or raise min_nodes",
        )
    least, most = (0, 0) if pool.kind == "cpu" else (1, 1 if pool.sharing else machine.gpus)
    for name, asked, lowest, has in (
        ("gpus", room.gpus, least, most),
        ("cpu_cores", room.cpu_cores, 0, machine.vcpus),
        ("memory_gib", room.memory_gib, 0, machine.memory_gib),
    ):
        if not lowest <= asked <= has:
            raise refuse(
                f"a pod must fit on a node of {pool.machine_type}",
                key=f"{key}.headroom.{name}",
                value=asked,
                allowed=str(has) if lowest == has else f"{lowest or 'more than 0'} to {has}",
                remedy="correct it, or give the pool another machine",
            )


def _require_sharing(cloud: Cloud, pool: GpuPool, key: str) -> None:
    if pool.sharing is None:
        return
    if pool.sharing.kind in _NOT_ON.get(cloud, ()):
        raise _not_here(cloud, pool.sharing.kind, f"{key}.sharing.kind")
    if pool.sharing.kind != "mig":
        return
    profiles = mig_profiles(pool.accelerator)
    if not profiles:
        raise refuse(
            f"{pool.accelerator} cannot be divided into partitions",
            key=f"{key}.sharing.kind",
            value="mig",
            allowed="time_slicing, mps" if cloud == "gke" else "time_slicing",
            remedy="write one of these, or choose an A100, H100 or H200",
        )
    if pool.sharing.profile not in profiles:
        raise refuse(
            f"{pool.accelerator} has no partitions of this size",
            key=f"{key}.sharing.profile",
            value=pool.sharing.profile,
            allowed=", ".join(profiles),
            remedy="write one of these",
        )


def _require_gke_only(cloud: Cloud, pool: GpuPool, key: str) -> None:
    for name in ("local_ssds", "image_cache", "upgrade", "driver"):
        value: object = getattr(pool, name)
        if cloud != "gke" and value != GpuPool.model_fields[name].default:
            raise _not_here(cloud, value, f"{key}.{name}")


def _require_local_ssds(pool: GpuPool, key: str) -> None:
    counts = local_ssd_counts(pool.machine_type)
    if pool.local_ssds and pool.machine is None and pool.local_ssds not in counts:
        raise refuse(
            f"{pool.machine_type} does not take so many local SSDs",
            key=f"{key}.local_ssds",
            value=pool.local_ssds,
            allowed=", ".join(str(count) for count in (0, *counts)),
            remedy="write one of these; A2 Ultra and A3 machines come with their own",
        )


def _not_here(cloud: Cloud, value: object, key: str) -> PydanticCustomError:
    return refuse(
        f"pools of {cloud} are not made with it",
        key=key,
        value=value,
        allowed=f"it in other clouds than {cloud}",
        remedy="remove it",
    )
