"""What a region's stack tells other stacks, by name and type: the one place that reads its exports."""

from dataclasses import dataclass
from typing import Self

import pulumi

from infra.naming import PROJECT


@dataclass(frozen=True, kw_only=True)
class RegionOutputs:
    """The exports of one region's stack; each must be there once that stack has been brought up."""

    namespace: pulumi.Output[str]
    api_address: pulumi.Output[str]
    """Base URL of the answer service inside that stack's cluster."""

    @classmethod
    def of(cls, stack: str) -> Self:
        """Read the stack of this project and organization that has this name, `prod-gcp-europe-west4` say."""
        reference = pulumi.StackReference(f"{pulumi.get_organization()}/{PROJECT}/{stack}")
        return cls(namespace=reference.require_output("namespace"), api_address=reference.require_output("api_address"))
