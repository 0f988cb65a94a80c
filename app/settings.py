"""Settings of the answer service: environment variables `RAGSPAN_*`, checked once at start, frozen afterwards.

Deliberately absent: a module-level instance. `load_settings()` is the one door, called by the command line.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Literal, TypeAlias
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict

from app.security.api_keys import ApiKey, parse_api_keys
from app.security.hosts import LOOPBACK_NAMES, is_loopback
from app.settings_errors import SettingsError, describe, unknown_variables

PREFIX = "RAGSPAN_"


def _service_url(value: str) -> str:
    """Accept a base address such as `http://127.0.0.1:11434/v1`; credentials in it would end up in logs."""
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("it must be an http:// or https:// address with a host, e.g. http://127.0.0.1:11434/v1")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError("it must carry no user, password, query or fragment; an API key has its own variable")
    return value.rstrip("/")


def _host_names(value: object) -> object:
    return tuple(name.strip().lower() for name in value.split(",") if name.strip()) if isinstance(value, str) else value


def _api_keys(value: object) -> object:
    return parse_api_keys(value) if isinstance(value, str) else value


def _existing_file(value: Path) -> Path:
    if not value.is_file():
        raise ValueError("there is no such file; give the path of the model's tokenizer.json")
    return value


Url: TypeAlias = Annotated[str, AfterValidator(_service_url)]
Seconds: TypeAlias = Annotated[float, Field(gt=0, le=600)]


class Settings(BaseSettings):
    """Every variable that the service accepts; the field `port` is the variable `RAGSPAN_PORT`."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_ignore_empty=True, frozen=True, extra="forbid", hide_input_in_errors=True
    )

    host: str = Field(default="127.0.0.1", description="Address to listen on; other than loopback needs API keys.")
    port: int = Field(default=8000, ge=0, le=65535, description="Port to listen on; 0 takes a free one.")
    allowed_hosts: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_host_names)] = Field(
        default=LOOPBACK_NAMES, description="Names and addresses, comma-separated, that a Host header may carry."
    )
    api_keys: Annotated[tuple[ApiKey, ...], NoDecode, BeforeValidator(_api_keys)] = Field(
        default=(), repr=False, description="Entries `name:tenant:sha256`, from `ragspan key`; none: loopback only."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(default="info", description="Least level logged.")

    vector_store: Literal["embedded", "weaviate"] = Field(default="embedded", description="Where the index lives.")
    data_dir: Path = Field(default=Path(".data"), description="Folder of the embedded store; one server at a time.")
    weaviate_url: Url | None = Field(default=None, description="HTTP address of Weaviate.")
    weaviate_grpc_host: str | None = Field(default=None, description="gRPC host; by default the host of the URL.")
    weaviate_grpc_port: int = Field(default=50051, ge=1, le=65535, description="gRPC port of Weaviate.")
    weaviate_api_key: SecretStr | None = Field(default=None, description="API key of Weaviate.")
    weaviate_replication_factor: int = Field(
        default=1, ge=1, le=9, description="Copies of each new collection; production runs 3."
    )

    embedder: Literal["embedded", "openai"] = Field(default="embedded", description="What turns text into vectors.")
    embedder_url: Url | None = Field(default=None, description="Base address of an OpenAI-compatible embedding API.")
    embedder_model: str | None = Field(default=None, description="Model name that the embedding API knows.")
    embedder_api_key: SecretStr | None = Field(default=None, description="Bearer token of the embedding API.")
    embedder_dimensions: int | None = Field(default=None, ge=1, le=65536, description="Length of its vectors.")
    embedder_max_tokens: int | None = Field(default=None, ge=128, description="Most tokens that one text may hold.")
    embedder_tokenizer_file: Annotated[Path, AfterValidator(_existing_file)] | None = Field(
        default=None, description="The model's tokenizer.json: chunks are counted by the model's own tokenizer."
    )
    embedder_query_prefix: str = Field(default="", description="Text put before each question, where the model asks.")
    embedder_passage_prefix: str = Field(default="", description="Text put before each passage, likewise.")
    embedder_input_type: bool = Field(
        default=False, description="Send `input_type` query or passage, which NVIDIA retrieval models need."
    )

    generator: Literal["extractive", "openai"] = Field(default="extractive", description="What writes the answer.")
    generator_url: Url | None = Field(default=None, description="Base address of an OpenAI-compatible chat API.")
    generator_model: str | None = Field(default=None, description="Model name that the chat API knows.")
    generator_api_key: SecretStr | None = Field(default=None, description="Bearer token of the chat API.")
    generator_max_tokens: int = Field(default=1024, ge=1, le=131072, description="Most tokens of one answer.")

    top_k: int = Field(default=5, ge=1, le=50, description="Passages retrieved when the request does not say.")
    max_query_chars: int = Field(default=4000, ge=1, le=100_000, description="Longest question, in characters.")
    max_upload_bytes: int = Field(default=20 * 2**20, ge=1, le=2**30, description="Largest document, in bytes.")
    request_timeout_s: Seconds = Field(default=20, description="Whole time that an answer may take.")
    retrieval_timeout_s: Seconds = Field(default=5, description="Time for the embedding and for the search, each.")
    stream_idle_timeout_s: Seconds = Field(default=5, description="Longest silence between two pieces of an answer.")

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
        if not self.api_keys and not is_loopback(self.host):
            faults.append(
                f"RAGSPAN_HOST={self.host} is not a loopback address and RAGSPAN_API_KEYS is empty, so anyone on the "
                "network could read and change the index; add a key (`ragspan key NAME` prints one) or set "
                "RAGSPAN_HOST=127.0.0.1"
            )
        if faults:
            raise ValueError("\n".join(faults))
        return self


class Variant:
    """The settings that belong to one choice: with it some are required, with any other all are refused."""

    def __init__(self, selector: str, choice: str, *, required: tuple[str, ...] = (), optional: tuple[str, ...] = ()):
        self.selector, self.choice, self.required, self.optional = selector, choice, required, optional

    def fault(self, settings: Settings) -> str | None:
        """Return a sentence if the settings choose this variant without its fields, or set its fields in vain."""
        chosen = getattr(settings, self.selector)
        owner = f"{variable(self.selector)}={self.choice}"
        if chosen == self.choice:
            missing = [variable(name) for name in self.required if getattr(settings, name) is None]
            return f"{owner} needs {', '.join(missing)}; set what is missing" if missing else None
        stray = [variable(name) for name in (*self.required, *self.optional) if name in settings.model_fields_set]
        if not stray:
            return None
        return f"{', '.join(stray)} would have no effect with {variable(self.selector)}={chosen}; unset or set {owner}"


VARIANTS = (
    Variant("vector_store", "embedded", optional=("data_dir",)),
    Variant(
        "vector_store",
        "weaviate",
        required=("weaviate_url",),
        optional=("weaviate_grpc_host", "weaviate_grpc_port", "weaviate_api_key", "weaviate_replication_factor"),
    ),
    Variant(
        "embedder",
        "openai",
        required=(
            "embedder_url",
            "embedder_model",
            "embedder_dimensions",
            "embedder_max_tokens",
            "embedder_tokenizer_file",
        ),
        optional=("embedder_api_key", "embedder_query_prefix", "embedder_passage_prefix", "embedder_input_type"),
    ),
    Variant(
        "generator",
        "openai",
        required=("generator_url", "generator_model"),
        optional=("generator_api_key", "generator_max_tokens"),
    ),
)


def variable(field: str) -> str:
    """Return the environment variable of a field."""
    return PREFIX + field.upper()


def environment_names() -> frozenset[str]:
    """Every environment variable that the service accepts; any other that starts with `RAGSPAN_` is refused."""
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
