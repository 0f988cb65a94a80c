"""How the service is reached, by whom, and by how many at once."""

from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr
from pydantic_settings import BaseSettings, NoDecode

from app.security.api_keys import ApiKey, parse_api_keys
from app.security.hosts import LOOPBACK_NAMES
from app.settings.values import require_host_names

MIN_SECRET_CHARS = 32


def _host_names(value: object) -> object:
    return tuple(name.strip().lower() for name in value.split(",") if name.strip()) if isinstance(value, str) else value


def _api_keys(value: object) -> object:
    return parse_api_keys(value) if isinstance(value, str) else value


def _long_enough(value: SecretStr) -> SecretStr:
    if len(value) < MIN_SECRET_CHARS:
        raise ValueError(f"it must have at least {MIN_SECRET_CHARS} characters; `openssl rand -hex 32` makes some")
    return value


class ServingSettings(BaseSettings):
    """Address, names, keys, capacity and log."""

    host: str = Field(
        default="127.0.0.1", description="Address to listen on; any but loopback requires API keys or an issuer."
    )
    port: int = Field(default=8000, ge=0, le=65535, description="Port to listen on; 0 takes a free one.")
    allowed_hosts: Annotated[
        tuple[str, ...], NoDecode, BeforeValidator(_host_names), AfterValidator(require_host_names)
    ] = Field(
        default=LOOPBACK_NAMES, description="Names and addresses, comma-separated, that a Host header may contain."
    )
    api_keys: Annotated[tuple[ApiKey, ...], NoDecode, BeforeValidator(_api_keys)] = Field(
        default=(), repr=False, description="Entries from `ragspan key`; none: loopback only."
    )
    session_secret: Annotated[SecretStr, AfterValidator(_long_enough)] | None = Field(
        default=None,
        description="Signs the page's sessions; at least 32 characters, equal on all replicas. Unset: a random one, so "
        "that a restart signs everybody out and a session holds on one replica only.",
    )
    max_active_queries: int = Field(
        default=64, ge=1, le=10_000, description="Questions that one replica answers at once."
    )
    max_waiting_queries: int = Field(
        default=16, ge=0, le=10_000, description="Questions that wait up to 5 ms for their turn; further ones get 429."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="Lowest level that is logged."
    )
