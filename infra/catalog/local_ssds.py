"""How many local SSDs each GPU machine type of GKE accepts: the rows of `local_ssds.csv`.

A machine type that is not listed accepts none: A2 Ultra and A3 come with their own.
"""

from infra.catalog.rows import rows


def local_ssd_counts(machine_type: str) -> tuple[int, ...]:
    """Return the numbers of local SSDs that may be requested, besides none."""
    found = (row["counts"] for row in rows("local_ssds.csv") if row["machine_type"] == machine_type)
    return tuple(int(count) for counts in found for count in counts.split())
