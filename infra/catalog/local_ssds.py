"""How many local SSDs a GPU machine of GKE takes: the rows of `local_ssds.csv`.

One that it does not name takes none: A2 Ultra and A3 come with their own.
"""

from infra.catalog.rows import rows


def local_ssd_counts(machine_type: str) -> tuple[int, ...]:
    """The numbers that may be asked for, besides none at all."""
    found = (row["counts"] for row in rows("local_ssds.csv") if row["machine_type"] == machine_type)
    return tuple(int(count) for counts in found for count in counts.split())
