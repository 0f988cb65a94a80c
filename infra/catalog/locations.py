"""Where accelerators stand: the rows of `accelerator_zones.csv`, which says nothing of those it does not name."""

from infra.catalog.machines import Cloud
from infra.catalog.rows import rows


def zones_with(cloud: Cloud, accelerator: str) -> dict[str, tuple[str, ...]] | None:
    """The accelerator's zones by region, or None where the catalogue does not know them.

    A region without zones has it in some: each AWS account has names of its own for a region's zones.
    """
    found = [row for row in rows("accelerator_zones.csv") if (row["cloud"], row["accelerator"]) == (cloud, accelerator)]
    return {row["region"]: tuple(row["zones"].split()) for row in found} or None
