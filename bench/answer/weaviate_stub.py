"""Stands in for Weaviate with its client's own gRPC protocol; every question finds the same passages.

The adapter sends two requests for a search: that for chunks takes two thirds of the search's time, that for their
documents' records one third, as with Weaviate. Both times are whole milliseconds, the resolution of timers.
"""

import asyncio
import sys
import uuid
from typing import Any

import grpc
from weaviate.proto.v1 import properties_pb2, search_get_pb2

from bench.answer.contestant import PASSAGES
from bench.answer.stub import SEARCH_S

META = b'{"version":"1.39.0","hostname":"http://127.0.0.1","modules":{}}'


def _value(value: str | int | bool) -> properties_pb2.Value:
    match value:
        case str():
            return properties_pb2.Value(text_value=value)
        case bool():
            return properties_pb2.Value(bool_value=value)
        case int():
            return properties_pb2.Value(int_value=value)


def _properties(**values: str | int | bool) -> properties_pb2.Properties:
    return properties_pb2.Properties(fields={name: _value(value) for name, value in values.items()})


def _reply(found: list[properties_pb2.Properties]) -> bytes:
    results = [
        search_get_pb2.SearchResult(
            properties=search_get_pb2.PropertiesResult(non_ref_props=properties, target_collection="Bench"),
            metadata=search_get_pb2.MetadataResult(id=str(uuid.UUID(int=number + 1)), score=0.9, score_present=True),
        )
        for number, properties in enumerate(found)
    ]
    return search_get_pb2.SearchReply(took=0.001, results=results).SerializeToString()


CHUNKS = _reply(
    [
        _properties(
            doc_id=f"doc-{n}", version="v1", ordinal=0, title="Handbook", text=text, source_uri=f"upload:///{n}.md",
            location="page 1", revision="1",
        )
        for n, text in enumerate(PASSAGES)
    ]
)  # fmt: skip
RECORDS = _reply(
    [
        _properties(
            doc_id=f"doc-{n}", version="v1", revision="1", source_uri=f"upload:///{n}.md", title="Handbook", chunks=1,
            deleted=False,
        )
        for n in range(len(PASSAGES))
    ]
)  # fmt: skip
NOTHING = _reply([])


async def _search(request: bytes, _context: Any) -> bytes:
    wanted = search_get_pb2.SearchRequest.FromString(request)
    is_for_chunks = wanted.collection.endswith("Chunk")
    await asyncio.sleep(SEARCH_S * (2 if is_for_chunks else 1) / 3)
    if wanted.after:  # of a listing, which ends here
        return NOTHING
    return CHUNKS if is_for_chunks else RECORDS


async def _check(_request: bytes, _context: Any) -> bytes:
    return b"\x08\x01"  # grpc.health.v1.HealthCheckResponse: SERVING


async def _http(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while await reader.readuntil(b"\r\n\r\n"):
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(META))
            writer.write(META)
    except asyncio.IncompleteReadError:
        writer.close()


async def serve() -> None:
    server = grpc.aio.server()
    methods: dict[str, dict[str, Any]] = {
        "weaviate.v1.Weaviate": {"Search": grpc.unary_unary_rpc_method_handler(_search)},
        "grpc.health.v1.Health": {"Check": grpc.unary_unary_rpc_method_handler(_check)},
    }
    for service, handlers in methods.items():
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, handlers),))
    grpc_port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    http = await asyncio.start_server(_http, "127.0.0.1", 0)
    print(http.sockets[0].getsockname()[1], grpc_port, flush=True)
    await server.wait_for_termination()


if __name__ == "__main__":
    import uvloop

    sys.exit(uvloop.run(serve()))
