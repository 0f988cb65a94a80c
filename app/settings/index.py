"""Where the index lives."""

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings

from app.settings.values import Url
from app.settings.variants import Variant


class IndexSettings(BaseSettings):
    """One store, and what belongs to it."""

    vector_store: Literal["embedded", "weaviate"] = Field(default="embedded", description="Where the index lives.")
    data_dir: Path = Field(default=Path(".data"), description="Folder of the embedded store; one server at a time.")
    weaviate_url: Url | None = Field(default=None, description="HTTP address of Weaviate.")
    weaviate_grpc_host: str | None = Field(default=None, description="gRPC host; by default the host of the URL.")
    weaviate_grpc_port: int = Field(default=50051, ge=1, le=65535, description="gRPC port of Weaviate.")
    weaviate_api_key: SecretStr | None = Field(default=None, description="API key of Weaviate.")
    weaviate_replication_factor: int = Field(
        default=1, ge=1, le=9, description="Copies of each new collection; production runs 3."
    )


VARIANTS = (
    Variant("vector_store", "embedded", optional=("data_dir",)),
    Variant(
        "vector_store",
        "weaviate",
        required=("weaviate_url",),
        optional=("weaviate_grpc_host", "weaviate_grpc_port", "weaviate_api_key", "weaviate_replication_factor"),
    ),
)
