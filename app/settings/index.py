"""Where the index is stored."""

from importlib.util import find_spec
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import BaseSettings

from app.settings.names import variable
from app.settings.values import ExistingFile, HeaderSecret, PostgresUrl, Url
from app.settings.variants import Variant

CLIENT_MODULES = {"pgvector": "psycopg_pool", "qdrant": "qdrant_client", "milvus": "pymilvus"}
"""The module of each store's client library, which is an optional extra with the store's name."""


class IndexSettings(BaseSettings):
    """The choice of one vector store, and the settings that belong to it."""

    vector_store: Literal["embedded", "weaviate", "pgvector", "qdrant", "milvus", "pinecone"] = Field(
        default="embedded", description="Where the index lives."
    )
    data_dir: Path = Field(default=Path(".data"), description="Folder of the embedded store; one server at a time.")
    weaviate_url: Url | None = Field(default=None, description="HTTP address of Weaviate.")
    weaviate_grpc_host: str | None = Field(default=None, description="gRPC host; by default the host of the URL.")
    weaviate_grpc_port: int = Field(default=50051, ge=1, le=65535, description="gRPC port of Weaviate.")
    weaviate_api_key: HeaderSecret | None = Field(default=None, description="API key of Weaviate.")
    weaviate_replication_factor: int = Field(
        default=1, ge=1, le=9, description="Copies of each new collection; production runs 3."
    )
    pgvector_url: PostgresUrl | None = Field(
        default=None, description="Database in PostgreSQL: `postgresql://host:5432/database`."
    )
    pgvector_user: str = Field(default="ragspan", description="User of that database.")
    pgvector_password: SecretStr | None = Field(default=None, description="Password of that user.")
    pgvector_tls: bool = Field(default=True, description="Use TLS, and check the server's certificate and name.")
    pgvector_ca_file: ExistingFile | None = Field(
        default=None, description="Certificate of the authority to trust instead of the system's."
    )
    qdrant_url: Url | None = Field(default=None, description="gRPC address of Qdrant, e.g. `http://qdrant:6334`.")
    qdrant_api_key: HeaderSecret | None = Field(default=None, description="API key of Qdrant.")
    qdrant_replication_factor: int = Field(
        default=1, ge=1, le=9, description="Copies of each new collection; production runs 3."
    )
    milvus_url: Url | None = Field(default=None, description="Address of Milvus, e.g. `http://milvus:19530`.")
    milvus_api_key: SecretStr | None = Field(
        default=None, description="`user:password` of Milvus, or an API key of Zilliz Cloud."
    )
    pinecone_url: Url | None = Field(
        default=None, description="Host of the Pinecone index: `https://name-project.svc.region.pinecone.io`."
    )
    pinecone_api_key: HeaderSecret | None = Field(default=None, description="API key of Pinecone.")

    @model_validator(mode="after")
    def _client_is_installed(self) -> Self:
        module = CLIENT_MODULES.get(self.vector_store)
        if module and find_spec(module) is None:
            extra = f"ragspan[{self.vector_store}]"
            raise ValueError(f"{variable('vector_store')}={self.vector_store} needs its client; install {extra}")
        return self


VARIANTS = (
    Variant("vector_store", "embedded", optional=("data_dir",)),
    Variant(
        "vector_store",
        "weaviate",
        required=("weaviate_url",),
        optional=("weaviate_grpc_host", "weaviate_grpc_port", "weaviate_api_key", "weaviate_replication_factor"),
    ),
    Variant(
        "vector_store",
        "pgvector",
        required=("pgvector_url",),
        optional=("pgvector_user", "pgvector_password", "pgvector_tls", "pgvector_ca_file"),
    ),
    Variant(
        "vector_store",
        "qdrant",
        required=("qdrant_url",),
        optional=("qdrant_api_key", "qdrant_replication_factor"),
    ),
    Variant("vector_store", "milvus", required=("milvus_url",), optional=("milvus_api_key",)),
    Variant("vector_store", "pinecone", required=("pinecone_url", "pinecone_api_key")),
)
