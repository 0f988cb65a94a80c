"""Into which partitions an accelerator can be divided in hardware: the rows of `mig_profiles.csv`."""

from dataclasses import dataclass

from infra.catalog.rows import rows


@dataclass(frozen=True, slots=True, kw_only=True)
class MigProfile:
    """One size of partition: a GPU gives `partitions` of them, each with `memory_gb` of its own."""

    name: str
    partitions: int
    memory_gb: int


def mig_profiles(accelerator: str) -> dict[str, MigProfile]:
    """The profiles of one accelerator by their names; empty where it has no MIG."""
    found = [row for row in rows("mig_profiles.csv") if row["accelerator"] == accelerator]
    return {
        row["profile"]: MigProfile(
            name=row["profile"], partitions=int(row["partitions"]), memory_gb=int(row["memory_gb"])
        )
        for row in found
    }
