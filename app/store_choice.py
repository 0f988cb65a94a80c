"""Builds the vector store that the settings choose. Only its module is imported: other clients may be missing."""

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pydantic import SecretStr

from app.ports import VectorStore
from app.settings import Settings
from app.unbuilt_models import unbuilt_models

if TYPE_CHECKING:
    from app.adapters.http_client import HttpClient

COLLECTION_PREFIX = "Ragspan"
POSTGRES_PORT = 5432
POSTGRES_SCHEMA = "ragspan"


def build_store(settings: Settings, client: "HttpClient | None") -> VectorStore:
    """Return the store that the settings choose, not opened; `client` is needed for Pinecone."""
    match settings.vector_store:
        case "embedded":
            from app.adapters.embedded_store import EmbeddedStore  # noqa: PLC0415

            return EmbeddedStore(settings.data_dir)
        case "weaviate":
            return _weaviate(settings)
        case "pgvector":
            return _pgvector(settings)
        case "qdrant":
            return _qdrant(settings)
        case "milvus":
            return _milvus(settings)
        case "pinecone":
            return _pinecone(settings, client)


def store_place(settings: Settings) -> str:
    """Return the store's location as its operator knows it."""
    if settings.vector_store == "embedded":
        return str(settings.data_dir.absolute())
    return str(getattr(settings, f"{settings.vector_store}_url"))


def _weaviate(settings: Settings) -> VectorStore:
    from app.adapters.weaviate_import import api_keys_alone  # noqa: PLC0415

    with api_keys_alone(), unbuilt_models():
        from app.adapters.weaviate_store import WeaviateConnection, WeaviateStore  # noqa: PLC0415

    url = settings.weaviate_url
    assert url, "checked by Settings"  # noqa: S101
    parts = urlsplit(url)
    return WeaviateStore(
        WeaviateConnection(
            http_url=url,
            grpc_host=settings.weaviate_grpc_host or parts.hostname or "",
            grpc_port=settings.weaviate_grpc_port,
            grpc_secure=parts.scheme == "https",
            api_key=_revealed(settings.weaviate_api_key),
            collection_prefix=COLLECTION_PREFIX,
            replication_factor=settings.weaviate_replication_factor,
        )
    )


def _pgvector(settings: Settings) -> VectorStore:
    from app.adapters.pgvector_store import PgvectorStore  # noqa: PLC0415
    from app.adapters.pgvector_store_connection import PgvectorConnection  # noqa: PLC0415

    assert settings.pgvector_url, "checked by Settings"  # noqa: S101
    parts = urlsplit(settings.pgvector_url)
    return PgvectorStore(
        PgvectorConnection(
            host=parts.hostname or "",
            port=parts.port or POSTGRES_PORT,
            database=parts.path.strip("/"),
            user=settings.pgvector_user,
            password=_revealed(settings.pgvector_password),
            tls=settings.pgvector_tls,
            ca_file=settings.pgvector_ca_file,
            schema=POSTGRES_SCHEMA,
        )
    )


def _qdrant(settings: Settings) -> VectorStore:
    from app.adapters.qdrant_store import QdrantConnection, QdrantStore  # noqa: PLC0415

    assert settings.qdrant_url, "checked by Settings"  # noqa: S101
    return QdrantStore(
        QdrantConnection(
            url=settings.qdrant_url,
            api_key=_revealed(settings.qdrant_api_key),
            collection_prefix=COLLECTION_PREFIX.lower(),
            replication_factor=settings.qdrant_replication_factor,
        )
    )


def _milvus(settings: Settings) -> VectorStore:
    from app.adapters.milvus_store import MilvusConnection, MilvusStore  # noqa: PLC0415

    assert settings.milvus_url, "checked by Settings"  # noqa: S101
    return MilvusStore(
        MilvusConnection(
            url=settings.milvus_url,
            token=_revealed(settings.milvus_api_key),
            collection_prefix=COLLECTION_PREFIX.lower(),
        )
    )


def _pinecone(settings: Settings, client: "HttpClient | None") -> VectorStore:
    from app.adapters.pinecone_store import PineconeStore  # noqa: PLC0415
    from app.adapters.pinecone_store_requests import pinecone_index  # noqa: PLC0415

    assert client and settings.pinecone_url and settings.pinecone_api_key, "checked by Settings"  # noqa: PT018, S101
    return PineconeStore(pinecone_index(client, settings.pinecone_url, settings.pinecone_api_key))


def _revealed(secret: SecretStr | None) -> str | None:
    return secret.get_secret_value() if secret else None
