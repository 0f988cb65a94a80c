"""A search's call, against a server that speaks gRPC and is no Weaviate."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeAlias

import grpc
import pytest
from weaviate.exceptions import WeaviateQueryError
from weaviate.proto.v1 import search_get_pb2

from app.adapters.weaviate_store_search import SearchCall

pytestmark = pytest.mark.anyio

Context: TypeAlias = "grpc.aio.ServicerContext[bytes, bytes]"
REPLY = search_get_pb2.SearchReply(results=[search_get_pb2.SearchResult()])


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@asynccontextmanager
async def served(answer: Callable[[bytes, Context], Awaitable[bytes]]) -> AsyncGenerator[SearchCall]:
    """A call with the key `key`."""
    server = grpc.aio.server()
    handlers: dict[str, grpc.RpcMethodHandler[bytes, bytes]] = {"Search": grpc.unary_unary_rpc_method_handler(answer)}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("weaviate.v1.Weaviate", handlers),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    call = SearchCall("127.0.0.1", port, secure=False, api_key="key")
    try:
        yield call
    finally:
        await call.close()
        await server.stop(None)


async def test_a_search_that_a_server_going_down_did_not_answer_is_made_again() -> None:
    asked = list[bytes]()

    async def answer(request: bytes, context: Context) -> bytes:
        asked.append(request)
        if len(asked) == 1:
            await context.abort(grpc.StatusCode.UNAVAILABLE, "going down")
        return REPLY.SerializeToString()

    async with served(answer) as search:
        assert len(await search(search_get_pb2.SearchRequest(collection="Chunk"))) == 1
    assert len(asked) == 2
    assert asked[0] == asked[1] == b"\x0a\x05Chunk"


async def test_a_search_that_fails_is_told_by_its_status_alone_and_not_made_again() -> None:
    asked = list[bytes]()

    async def answer(request: bytes, context: Context) -> bytes:
        asked.append(request)
        await context.abort(grpc.StatusCode.INTERNAL, "the text of a document")
        return b""

    async with served(answer) as search:
        with pytest.raises(WeaviateQueryError, match="INTERNAL") as failed:
            await search(search_get_pb2.SearchRequest())
    assert "document" not in str(failed.value)
    assert failed.value.__suppress_context__
    assert len(asked) == 1


async def test_the_key_is_sent_as_a_bearer_token() -> None:
    async def answer(_request: bytes, context: Context) -> bytes:
        if dict(context.invocation_metadata() or ()).get("authorization") != "Bearer key":
            await context.abort(grpc.StatusCode.UNAUTHENTICATED)
        return REPLY.SerializeToString()

    async with served(answer) as search:
        assert len(await search(search_get_pb2.SearchRequest())) == 1
