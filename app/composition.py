"""The composition root of the app: which adapter stands behind each port. It imports only what the settings choose."""

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING

from app.ports import AnswerCache, Embedder, Generator, QuotaLedger, Reranker, VectorStore
from app.settings import Settings
from app.store_choice import build_store

if TYPE_CHECKING:
    from app.adapters.http_client import HttpClient
    from app.adapters.redis_connection import RedisConnection

LEASE_MARGIN_S = 5
"""How much longer a place held in Redis lives than the longest answer."""


@dataclass(frozen=True, slots=True)
class Adapters:
    """The adapters behind the ports while the service runs."""

    embedder: Embedder
    store: VectorStore
    generator: Generator
    reranker: Reranker | None = None
    cache: AnswerCache | None = None


@asynccontextmanager
async def open_adapters(settings: Settings) -> AsyncGenerator[Adapters, None]:
    """Yield the chosen adapters, and close them afterwards. The store is not opened: that may fail and be retried."""
    async with AsyncExitStack() as stack:
        client = None
        asked_by_http = {settings.embedder, settings.generator, settings.vector_store} & {"openai", "pinecone"}
        if asked_by_http or settings.reranker != "none":
            from app.adapters.http_client import HttpClient  # noqa: PLC0415

            client = await stack.enter_async_context(HttpClient(settings.request_timeout_s))
        embedder = build_embedder(settings, client)
        stack.push_async_callback(embedder.close)
        store = build_store(settings, client)
        stack.push_async_callback(store.close)
        generator = build_generator(settings, client)
        stack.push_async_callback(generator.close)
        reranker = build_reranker(settings, client)
        if reranker:
            stack.push_async_callback(reranker.close)
        cache = build_cache(settings)
        if cache:
            stack.push_async_callback(cache.close)
        yield Adapters(embedder, store, generator, reranker, cache)


def build_embedder(settings: Settings, client: "HttpClient | None") -> Embedder:
    """Return the embedder that the settings choose; `client` is needed for a remote one."""
    if settings.embedder == "embedded" or client is None:
        from app.adapters.wordllama import WordLlamaEmbedder  # noqa: PLC0415

        return WordLlamaEmbedder()
    from app.adapters.http import ModelServer  # noqa: PLC0415
    from app.adapters.openai_embeddings import OpenAiEmbedder  # noqa: PLC0415

    s = settings
    assert s.embedder_url and s.embedder_model and s.embedder_tokenizer_file, "checked by Settings"  # noqa: PT018, S101
    assert s.embedder_dimensions and s.embedder_max_tokens, "checked by Settings"  # noqa: PT018, S101
    return OpenAiEmbedder(
        ModelServer(client, s.embedder_url, s.embedder_api_key, "embedder"),
        model=s.embedder_model,
        dimensions=s.embedder_dimensions,
        max_tokens=s.embedder_max_tokens,
        tokenizer_file=s.embedder_tokenizer_file,
        query_prefix=s.embedder_query_prefix,
        passage_prefix=s.embedder_passage_prefix,
        sends_input_type=s.embedder_input_type,
    )


def build_reranker(settings: Settings, client: "HttpClient | None") -> Reranker | None:
    """Return the reranker that the settings choose, if any; `client` is needed for it."""
    if settings.reranker == "none" or client is None:
        return None
    from app.adapters.http import ModelServer  # noqa: PLC0415

    assert settings.reranker_url, "checked by Settings"  # noqa: S101
    server = ModelServer(client, settings.reranker_url, settings.reranker_api_key, "reranker")
    if settings.reranker == "tei":
        from app.adapters.tei_rerank import TeiReranker  # noqa: PLC0415

        return TeiReranker(server)
    from app.adapters.nim_ranking import NimReranker  # noqa: PLC0415

    assert settings.reranker_model, "checked by Settings"  # noqa: S101
    return NimReranker(server, model=settings.reranker_model)


def build_generator(settings: Settings, client: "HttpClient | None") -> Generator:
    """Return the generator that the settings choose; `client` is needed for a remote one."""
    if settings.generator == "extractive" or client is None:
        from app.adapters.extractive import ExtractiveGenerator  # noqa: PLC0415

        return ExtractiveGenerator()
    from app.adapters.http import ModelServer  # noqa: PLC0415
    from app.adapters.openai_chat import OpenAiChat  # noqa: PLC0415

    assert settings.generator_url and settings.generator_model, "checked by Settings"  # noqa: PT018, S101
    return OpenAiChat(
        ModelServer(client, settings.generator_url, settings.generator_api_key, "generator"),
        model=settings.generator_model,
        max_tokens=settings.generator_max_tokens,
    )


def build_cache(settings: Settings) -> AnswerCache | None:
    """Return the answer cache that the settings choose, if any."""
    match settings.cache:
        case "none":
            return None
        case "memory":
            from app.adapters.memory_cache import MemoryCache  # noqa: PLC0415

            return MemoryCache(settings.cache_memory_mib * 2**20, settings.cache_ttl_s)
        case "redis":
            from app.adapters.redis_cache import RedisCache  # noqa: PLC0415

            return RedisCache(_redis(settings), settings.cache_ttl_s, settings.cache_timeout_s)


def build_ledgers(settings: Settings) -> tuple[QuotaLedger, QuotaLedger | None]:
    """Return the ledger of this replica, and the one that all replicas share if there is a Redis."""
    from app.adapters.replica_quotas import ReplicaQuotas  # noqa: PLC0415

    if not settings.redis_url:
        return ReplicaQuotas(), None
    from app.adapters.redis_quotas import RedisQuotas  # noqa: PLC0415

    return ReplicaQuotas(), RedisQuotas(_redis(settings), lease_s=ceil(settings.request_timeout_s) + LEASE_MARGIN_S)


def _redis(settings: Settings) -> "RedisConnection":
    from app.adapters.redis_connection import RedisAddress, RedisConnection  # noqa: PLC0415

    assert settings.redis_url, "checked by Settings"  # noqa: S101
    return RedisConnection(
        RedisAddress(url=settings.redis_url, username=settings.redis_username, password=settings.redis_password)
    )
