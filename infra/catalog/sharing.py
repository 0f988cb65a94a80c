"""The hardware partitions that each accelerator can be divided into: the rows of `mig_profiles.csv`."""

from dataclasses import dataclass

from infra.catalog.rows import rows


@dataclass(frozen=True, slots=True, kw_only=True)
class MigProfile:
    """One partition size: a GPU can be divided into `partitions` of them, each with `memory_gb` of its own."""

    name: str
    partitions: int
    memory_gb: int


def mig_profiles(accelerator: str) -> dict[str, MigProfile]:
    """Return an accelerator's profiles by name; empty if it has no MIG."""
    found = [row for row in rows("mig_profiles.csv") if row["accelerator"] == accelerator]
    return {
        row["profile"]: MigProfile(
            name=row["profile"], partitions=int(row["partitions"]), memory_gb=int(row["memory_gb"])
        )
        for row in found
    }
