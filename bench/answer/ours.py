"""Contestant: the service with all its defaults, an API key, a reranker and traces; a timer stands in for the index.

If the ports of a Weaviate are given as further arguments, the shipped adapter searches that instead.
"""

import asyncio
import sys
import tempfile
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

from app.adapters.http_client import HttpClient
from app.adapters.weaviate_import import api_keys_alone
from app.composition import Adapters, build_cache, build_embedder, build_generator, build_reranker
from app.main import create_app
from app.ports import EVERYTHING, Hit, IndexIdentity, Scope, Vector, VectorStore
from app.security.api_keys import ApiKey, hash_key
from app.serving.server import DrainingServer, bind
from app.settings import Settings
from app.telemetry.logs import configure_logs
from app.unbuilt_models import unbuilt_models
from bench.answer.contestant import KEY, PASSAGES, Upstream, upstream
from bench.answer.stub import DIMENSIONS, SEARCH_S, WANTED
from tests.support.fake_ports import FakeStore, hit


class TimedStore(FakeStore):
    """A store that finds the passages after the time that a search takes."""

    async def search(self, tenant: str, text: str, vector: Vector, limit: int, scope: Scope = EVERYTHING) -> list[Hit]:
        await asyncio.sleep(SEARCH_S)
        return await super().search(tenant, text, vector, limit, scope)


def weaviate(http_port: int, grpc_port: int) -> VectorStore:
    """Return the shipped adapter without its check of the index, which the stub does not have."""
    with api_keys_alone(), unbuilt_models():
        from app.adapters.weaviate_store import (  # noqa: PLC0415 - 27 MB
            WeaviateConnection,
            WeaviateStore,
            client,
            search_call,
        )

    class StubbedStore(WeaviateStore):
        async def open(self, identity: IndexIdentity) -> None:
            self._dimensions = identity.dimensions
            self._connections = connection, _ = client(self._connection), search_call(self._connection)
            await connection.connect()

    return StubbedStore(
        WeaviateConnection(
            http_url=f"http://127.0.0.1:{http_port}", grpc_host="127.0.0.1", grpc_port=grpc_port, grpc_secure=False,
            collection_prefix="Bench", replication_factor=1,
        )
    )  # fmt: skip


def timed() -> VectorStore:
    return TimedStore([hit(text, doc_id=f"doc-{number}") for number, text in enumerate(PASSAGES)])


def adapters(store: VectorStore) -> Callable[[Settings], AbstractAsyncContextManager[Adapters]]:
    """Return what opens all adapters that the settings choose, with this one in place of the index."""

    @asynccontextmanager
    async def opened(settings: Settings) -> AsyncGenerator[Adapters, None]:
        async with HttpClient(settings.request_timeout_s) as http:
            embedder, generator = build_embedder(settings, http), build_generator(settings, http)
            yield Adapters(embedder, store, generator, build_reranker(settings, http), build_cache(settings))
            await store.close()

    return opened


def settings_for(stub: Upstream, folder: str, *, clients: int = 64, **shared: Any) -> Settings:
    """Return the service's settings for so many clients, with those of a Redis if it shares one."""
    tokenizer = Path(folder, "tokenizer.json")
    tokenizer.write_text("{}")  # no documents are cut here
    return Settings(
        # More than there are clients: a place gets free a moment after an answer's last byte.
        max_active_queries=2 * clients, **shared,
        embedder="openai", embedder_url=stub.url, embedder_model="m", embedder_dimensions=DIMENSIONS,
        embedder_max_tokens=512, embedder_tokenizer_file=tokenizer, top_k=WANTED,
        reranker="nim", reranker_url=stub.url, reranker_model="m",
        generator="openai", generator_url=stub.url, generator_model="m",
        # Twice what the clients would use at the ideal rate.
        tenant_requests_per_minute=800 * clients, tenant_tokens_per_minute=32_000 * clients,
        tenant_concurrent_questions=16 * clients,
        otlp_endpoint=stub.url, api_keys=(ApiKey("bench", "default", hash_key(KEY)),),
    )  # fmt: skip


def main() -> None:
    configure_logs("info")
    ports = [int(port) for port in sys.argv[2:]]
    store = weaviate(*ports) if ports else timed()
    with tempfile.TemporaryDirectory() as folder, bind("127.0.0.1", 0) as bound:
        app = create_app(settings_for(upstream(), folder), adapters(store))
        port = bound.getsockname()[1]
        ready = lambda: print(port, flush=True)  # noqa: E731
        server = DrainingServer(app, drain_s=1, on_ready=ready, on_drain=app.state.readiness.drain)
        server.run([bound])


if __name__ == "__main__":
    main()
