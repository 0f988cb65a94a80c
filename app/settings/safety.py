"""What an answer may contain, and how well its passages must support it."""

from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_settings import BaseSettings, NoDecode

from app.rag.sensitive import SECRETS, Category
from app.settings.values import comma_separated, require_host_names


def _hosts_or_any(names: tuple[str, ...]) -> tuple[str, ...]:
    require_host_names(tuple(name for name in names if name != "*"))
    return names


class SafetySettings(BaseSettings):
    """The guard's rules and the verdict's thresholds."""

    link_hosts: Annotated[
        tuple[str, ...], NoDecode, BeforeValidator(comma_separated), AfterValidator(_hosts_or_any)
    ] = Field(
        default=(), description="Hosts, comma-separated, that an answer may link to besides its sources; `*`: any."
    )
    redact: Annotated[tuple[Category, ...], NoDecode, BeforeValidator(comma_separated)] = Field(
        default=SECRETS,
        description="Categories, comma-separated, that are cut out of answers; beside these `email`, `phone`, `iban`, "
        "`card`, `ssn`; `none` for none.",
    )
    quality_mode: Literal["advise", "hold"] = Field(
        default="advise", description="Stream the answer and end with the verdict, or send no token before the verdict."
    )
    quality_min_support: float = Field(
        default=0.7, ge=0, le=1, description="Share of a statement's words that must occur in a passage that it cites."
    )
    quality_min_grounded: float = Field(
        default=0.7, ge=0, le=1, description="Share of an answer's statements that must be supported."
    )
