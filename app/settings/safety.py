"""What an answer may carry out of the service."""

from typing import Annotated

from pydantic import BeforeValidator, Field
from pydantic_settings import BaseSettings, NoDecode

from app.rag.sensitive import SECRETS, Category
from app.settings.values import comma_separated


class SafetySettings(BaseSettings):
    """The guard's rules."""

    link_hosts: Annotated[tuple[str, ...], NoDecode, BeforeValidator(comma_separated)] = Field(
        default=(), description="Hosts, comma-separated, that an answer may link to beside its sources; `*` for any."
    )
    redact: Annotated[tuple[Category, ...], NoDecode, BeforeValidator(comma_separated)] = Field(
        default=SECRETS,
        description="Categories, comma-separated, that are cut out of answers; beside these `email`, `phone`, `iban`, "
        "`card`, `ssn`; `none` for none.",
    )
