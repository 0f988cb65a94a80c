"""The service on a real socket: streaming and a client that leaves are what these tests are about."""

import asyncio
import os
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from typing import Any, TypeAlias

import httpx
import pytest
from fastapi import FastAPI

from app.composition import Adapters, build_cache
from app.main import create_app
from app.serving.server import DrainingServer, bind
from app.settings import Settings
from tests.app.api.process import NO_TLS
from tests.support.fake_ports import FakeEmbedder, FakeGenerator, FakeReranker, FakeStore, hit

OpenAdapters: TypeAlias = Callable[[Settings], AbstractAsyncContextManager[Adapters]]
Serve: TypeAlias = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, Any]]:
    return "asyncio", {"use_uvloop": True}


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.upper().startswith("RAGSPAN_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def store() -> FakeStore:
    return FakeStore([hit("The sky is blue."), hit("Grass is green.", doc_id="garden")])


@pytest.fixture
def generator() -> FakeGenerator:
    return FakeGenerator()


@pytest.fixture
def embedder() -> FakeEmbedder:
    return FakeEmbedder()


@pytest.fixture
def reranker() -> FakeReranker | None:
    """None, as by default; a test that wants one overrides this."""
    return None


@pytest.fixture
def serve(store: FakeStore, generator: FakeGenerator, embedder: FakeEmbedder, reranker: FakeReranker | None) -> Serve:
    """Return a function that serves these stand-ins with the settings it is given and yields a client."""

    @asynccontextmanager
    async def adapters(settings: Settings) -> AsyncGenerator[Adapters, None]:
        cache = build_cache(settings)
        yield Adapters(embedder, store, generator, reranker, cache)
        if cache:
            await cache.close()

    return partial(serving, adapters)


class PromptServer(DrainingServer):
    """Ends as soon as it is told to, not when it next looks, and does not wait for what may still be sent to it."""

    def __init__(self, app: FastAPI) -> None:
        self.ready, self._over = asyncio.Event(), asyncio.Event()
        super().__init__(app, drain_s=0, on_ready=self.ready.set, on_drain=app.state.readiness.drain)

    async def main_loop(self) -> None:
        await self.on_tick(0)
        await self._over.wait()

    def end(self) -> None:
        self._over.set()


@asynccontextmanager
async def serving(open_adapters: OpenAdapters, **settings: Any) -> AsyncGenerator[httpx.AsyncClient, None]:
    server = PromptServer(create_app(Settings(**settings), open_adapters))
    with bind("127.0.0.1", 0) as bound:
        url = f"http://127.0.0.1:{bound.getsockname()[1]}"
        task = asyncio.create_task(server.serve([bound]))
        await server.ready.wait()
        try:
            async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=30, verify=NO_TLS) as client:
                yield client
        finally:
            server.end()
            await task


@pytest.fixture
async def client(serve: Serve) -> AsyncGenerator[httpx.AsyncClient, None]:
    async with serve() as client:
        yield client
