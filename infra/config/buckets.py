"""Buckets beside a cluster, on any cloud."""

from typing import Annotated

from pydantic import Field

from infra.config.section import FlipsTo, Section


class Buckets(Section):
    """Buckets for documents and for backups, beside the cluster."""

    cold_after_days: Annotated[int, Field(ge=30, le=3650), FlipsTo(90)]
    """Age at which objects move to storage that is cheap to keep but costly to read; to the archive a year later."""
    keep_replaced_days: Annotated[int, Field(ge=1, le=3650), FlipsTo(44)]
    """How long overwritten and deleted objects can be restored."""
    protect: bool
    """Refuse to delete the buckets until this is set to false and applied."""


TO_ARCHIVE_DAYS = 365
"""How much later objects move on to the archive, from which they can still be read at once."""
BUCKETS = ("documents", "backups")
"""What there is a bucket for."""
