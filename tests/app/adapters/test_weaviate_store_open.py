"""Opening the index at a server that answers, by HTTP, and is no Weaviate."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from app.adapters.weaviate_store import WeaviateConnection, WeaviateStore
from app.ports import DependencyUnavailable, IndexIdentity

pytestmark = pytest.mark.anyio
IDENTITY = IndexIdentity(model="test-model", dimensions=4, chunker="test-1")
META = '{"version": "1.39.0"}'


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@asynccontextmanager
async def answering(meta: str, schema: str) -> AsyncGenerator[WeaviateStore]:
    """A store at a server that says this of itself, and this of each collection."""

    async def answer(request: web.Request) -> web.Response:
        body = meta if request.path == "/v1/meta" else schema
        return web.Response(text=body, content_type="application/json")

    app = web.Application()
    app.router.add_get("/v1/meta", answer)
    app.router.add_get("/v1/schema/{name}", answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    store = WeaviateStore(
        WeaviateConnection(
            http_url=f"http://127.0.0.1:{runner.addresses[0][1]}",
            grpc_host="127.0.0.1",
            grpc_port=9,
            grpc_secure=False,
            collection_prefix="Ragspan",
            replication_factor=1,
        )
    )
    try:
        yield store
    finally:
        await store.close()
        await runner.cleanup()


@pytest.mark.parametrize(
    ("meta", "schema"),
    [
        *((meta, "{}") for meta in ("{}", "[]", "null", "7", '{"version": 7}', '{"version": "newest"}', "<html>")),
        *((META, schema) for schema in ("{}", "[]", "null", '"text"', '{"class": "RagspanChunk"}', "<html>")),
    ],
)
async def test_nonsense_is_a_failure_in_words_and_not_a_fault_of_the_program(meta: str, schema: str) -> None:
    async with answering(meta, schema) as store:
        with pytest.raises(DependencyUnavailable, match=r"at http://127\.0\.0\.1:\d+, gRPC") as failed:
            await store.open(IDENTITY)
        assert (failed.value.dependency, "html" in str(failed.value)) == ("vector_store", False)


async def test_an_older_weaviate_is_told_by_its_version() -> None:
    async with answering('{"version": "1.38.9"}', "{}") as store:
        with pytest.raises(DependencyUnavailable, match=r"Weaviate is 1\.38\.9; ragspan needs 1\.39 or newer"):
            await store.open(IDENTITY)
