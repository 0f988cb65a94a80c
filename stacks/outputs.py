"""Typed access to what a region's stack exports for other stacks: the only place that reads its outputs."""

from dataclasses import dataclass
from typing import Self

import pulumi

from infra.naming import PROJECT


@dataclass(frozen=True, kw_only=True)
class RegionOutputs:
    """The exports of one region's stack; all of them exist once that stack has been deployed."""

    namespace: pulumi.Output[str]
    api_address: pulumi.Output[str]
    """Base URL of the answer service inside that stack's cluster."""

    @classmethod
    def of(cls, stack: str) -> Self:
        """Read this organization's stack of the given name, such as `prod-gcp-europe-west4`."""
        reference = pulumi.StackReference(f"{pulumi.get_organization()}/{PROJECT}/{stack}")
        return cls(namespace=reference.require_output("namespace"), api_address=reference.require_output("api_address"))
