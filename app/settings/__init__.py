"""Settings of the answer service: environment variables `RAGSPAN_*`, checked once at start, then frozen.

Each section is one module, which declares its fields and which of them belong to only one choice. Deliberately absent:
a module-level instance; `load_settings()`, called by the command line, is the only way in.
"""

import os
from collections.abc import Callable

from pydantic import ValidationError, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from app.security.hosts import is_loopback
from app.settings import cache, index, models
from app.settings.answering import AnsweringSettings
from app.settings.errors import SettingsError, describe, unknown_variables
from app.settings.identity import IdentitySettings
from app.settings.limits import LimitSettings
from app.settings.names import PREFIX, variable
from app.settings.safety import SafetySettings
from app.settings.serving import ServingSettings
from app.settings.tracing import TracingSettings

__all__ = ["PREFIX", "Settings", "SettingsError", "environment_names", "load_settings", "variable"]

VARIANTS = (*index.VARIANTS, *models.VARIANTS, *cache.VARIANTS)


# Fields are listed from the last base class to the first.
class Settings(
    TracingSettings,
    cache.CacheSettings,
    SafetySettings,
    AnsweringSettings,
    models.ModelSettings,
    index.IndexSettings,
    LimitSettings,
    IdentitySettings,
    ServingSettings,
):
    """Every variable that the service accepts; the field `port` is the variable `RAGSPAN_PORT`."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_ignore_empty=True, frozen=True, extra="forbid", hide_input_in_errors=True
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read the environment and nothing else: a stray `.env` or secrets folder must not change a deployment."""
        return init_settings, env_settings

    @model_validator(mode="after")
    def _variants_are_complete(self) -> "Settings":
        faults = [fault for variant in VARIANTS if (fault := variant.fault(self))]
        if faults:
            raise ValueError("\n".join(faults))
        return self

    @model_validator(mode="after")
    def _keyless_on_loopback_only(self) -> "Settings":
        if not self.api_keys and not self.oidc_issuers and not is_loopback(self.host):
            raise ValueError(
                f"RAGSPAN_HOST={self.host} is not a loopback address and RAGSPAN_API_KEYS is empty, so anyone on the "
                "network could read and change the index; add a key (`ragspan key NAME` prints one), set "
                "RAGSPAN_OIDC_ISSUERS, or set RAGSPAN_HOST=127.0.0.1"
            )
        return self


def environment_names() -> frozenset[str]:
    """Return every accepted environment variable; any other that starts with `RAGSPAN_` is refused."""
    return frozenset(variable(name) for name in Settings.model_fields)


def load_settings() -> Settings:
    """Read and check the environment. Raises SettingsError with one sentence for each thing that is wrong."""
    unknown = unknown_variables(os.environ, PREFIX, environment_names())
    build: Callable[..., Settings] = Settings
    try:
        settings = build()
    except ValidationError as error:
        raise SettingsError(unknown + describe(error, Settings, os.environ)) from None
    if unknown:
        raise SettingsError(unknown)
    return settings
