"""Kubernetes minors: which ones are refused, and which ones cause a warning."""

from typing import Annotated

from pydantic import StringConstraints

from infra.catalog.machines import Cloud
from infra.catalog.minors import minors_of
from infra.config.section import refuse

Minor = Annotated[str, StringConstraints(pattern=r"^1\.[0-9]{2}$")]
"""A Kubernetes minor, quoted in YAML: "1.35"."""


def require_minor(cloud: Cloud, minor: str, channel: str = "") -> None:
    """Refuse a minor that the cloud no longer offers for new clusters."""
    known = minors_of(cloud, channel)
    if minor_number(minor) < minor_number(known.oldest):
        raise refuse(
            "this Kubernetes minor is older than any that is supported",
            key="kubernetes_minor",
            value=minor,
            allowed=f"{known.oldest} to {known.newest}{f' in {channel}' if channel else ''}, as of {known.checked}",
            remedy=f'write "{known.newest}"',
        )


def warn_of_minor(cloud: Cloud, minor: str, channel: str = "") -> str | None:
    """Return a warning for a minor newer than the catalogue knows, else None."""
    known = minors_of(cloud, channel)
    if minor_number(minor) <= minor_number(known.newest):
        return None
    where = f"{cloud.upper()} {channel}".strip()
    return (
        f"ragspan:cluster.kubernetes_minor {minor} is newer than {known.newest}, the newest minor of {where} that was"
        f" known on {known.checked}; check that it is offered, and update infra/catalog/kubernetes_minors.csv"
    )


def is_at_least(minor: str, floor: str) -> bool:
    """Whether `minor` is `floor` or later."""
    return minor_number(minor) >= minor_number(floor)


def minor_number(minor: str) -> int:
    return int(minor.partition(".")[2])
