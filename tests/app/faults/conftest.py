"""The service on a real socket in front of real adapters, whose servers fail on demand."""

from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, TypeAlias

import httpx
import pytest

from app.adapters.http_client import HttpClient
from app.composition import Adapters, build_cache, build_generator
from app.settings import Settings
from tests.app.api.conftest import (
    anyio_backend,
    clean_environment,
    embedder,
    generator,
    reranker,
    serve,
    serving,
    store,
)
from tests.support.fake_ports import FakeEmbedder, FakeStore

__all__ = ["anyio_backend", "clean_environment", "embedder", "generator", "reranker", "serve", "store"]

ServeChat: TypeAlias = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]


@pytest.fixture
def serve_chat(store: FakeStore, embedder: FakeEmbedder) -> ServeChat:
    """Return a function that serves the stand-in index in front of the real chat adapter for a server's address."""

    @asynccontextmanager
    async def adapters(settings: Settings) -> AsyncGenerator[Adapters, None]:
        async with HttpClient(settings.request_timeout_s) as http:
            cache = build_cache(settings)
            yield Adapters(embedder, store, build_generator(settings, http), cache=cache)
            if cache:
                await cache.close()

    def served(url: str, **settings: Any) -> AbstractAsyncContextManager[httpx.AsyncClient]:
        return serving(adapters, generator="openai", generator_url=url, generator_model="m", **settings)

    return served
