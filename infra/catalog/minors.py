"""The Kubernetes minors that each cloud offers for new clusters: the rows of `kubernetes_minors.csv`."""

from dataclasses import dataclass

from infra.catalog.machines import Cloud
from infra.catalog.rows import rows


@dataclass(frozen=True, slots=True, kw_only=True)
class Minors:
    """The oldest supported minor and the newest that the catalogue knows, as of `checked`."""

    oldest: str
    newest: str
    checked: str


def minors_of(cloud: Cloud, channel: str = "") -> Minors:
    """Return the minors of a GKE release channel, or those of EKS, which has no channels. Raises LookupError."""
    for row in rows("kubernetes_minors.csv"):
        if (row["cloud"], row["channel"]) == (cloud, channel):
            return Minors(oldest=row["oldest"], newest=row["newest"], checked=row["checked"])
    raise LookupError(f"infra/catalog/kubernetes_minors.csv has no row for {cloud} {channel}.")
