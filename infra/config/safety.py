"""What an answer may carry out of the service, and how far it must rest on its sources."""

from typing import Annotated, Literal, TypeAlias

from pydantic import Field, StringConstraints

from infra.config.section import FlipsTo, Section

Category: TypeAlias = Literal[
    "private_key", "cloud_key", "service_token", "ragspan_key", "jwt", "bearer_token", "password",
    "email", "phone", "iban", "card", "ssn",
]  # fmt: skip
LinkHost: TypeAlias = Annotated[str, StringConstraints(pattern=r"^(\*|[a-z0-9]([a-z0-9.-]*[a-z0-9])?)$")]


class Safety(Section):
    """The rules of the answer guard."""

    link_hosts: Annotated[tuple[LinkHost, ...], FlipsTo(("docs.example",))] = ()
    """Hosts that an answer may link to beside its own sources; `*` for any."""
    redact: Annotated[tuple[Category, ...], FlipsTo(("email",))] = (
        "private_key", "cloud_key", "service_token", "ragspan_key", "jwt", "bearer_token", "password",
    )  # fmt: skip
    """Categories that are cut out of answers."""
    quality_mode: Annotated[Literal["advise", "hold"], FlipsTo("hold")] = "advise"
    """`advise` streams and ends with the verdict; `hold` lets no token leave before it, so the first one comes last."""
    quality_min_support: Annotated[float, Field(ge=0, le=1), FlipsTo(0.5)] = 0.7
    """Share of a statement's words that must occur in a passage that it cites."""
    quality_min_grounded: Annotated[float, Field(ge=0, le=1), FlipsTo(0.5)] = 0.7
    """Share of an answer's statements that must be supported."""
