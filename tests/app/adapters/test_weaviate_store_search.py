"""A search's call, against a server that speaks gRPC and is no Weaviate."""

import socket
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
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


@pytest.mark.skipif(sys.platform != "linux", reason="gRPC sets it on Linux")
async def test_a_server_that_vanished_is_given_up_when_it_acknowledges_nothing_for_five_seconds() -> None:
    found = list[int]()

    async def answer(_request: bytes, context: Context) -> bytes:
        *_, port = context.peer().rpartition(":")
        found.extend(timeouts_ms(int(port)))
        return REPLY.SerializeToString()

    async with served(answer) as search:
        await search(search_get_pb2.SearchRequest())
    assert found == [5000]


def timeouts_ms(port: int) -> list[int]:
    """TCP_USER_TIMEOUT of this process's sockets at a port."""
    found = list[int]()
    for path in Path("/proc/self/fd").iterdir():
        with suppress(OSError):  # it is no socket
            one = socket.socket(fileno=int(path.name))
            if one.family in {socket.AF_INET, socket.AF_INET6} and one.getsockname()[1] == port:
                found.append(one.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT))
            one.detach()
    return found


async def test_the_key_is_sent_as_a_bearer_token() -> None:
    async def answer(_request: bytes, context: Context) -> bytes:
        if dict(context.invocation_metadata() or ()).get("authorization") != "Bearer key":
            await context.abort(grpc.StatusCode.UNAUTHENTICATED)
        return REPLY.SerializeToString()

    async with served(answer) as search:
        assert len(await search(search_get_pb2.SearchRequest())) == 1
