"""Which zones have which accelerators: the rows of `accelerator_zones.csv`. Others than those named are not known."""

from infra.catalog.machines import Cloud
from infra.catalog.rows import rows


def zones_with(cloud: Cloud, accelerator: str) -> dict[str, tuple[str, ...]] | None:
    """Return the accelerator's zones by region, or None if the catalogue does not know them.

    A region with an empty list of zones has it in some: zone names differ between AWS accounts.
    """
    found = [row for row in rows("accelerator_zones.csv") if (row["cloud"], row["accelerator"]) == (cloud, accelerator)]
    return {row["region"]: tuple(row["zones"].split()) for row in found} or None
