"""Milvus Lite on loopback for tests: a Milvus of one process, behind Milvus's own gRPC interface."""

import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

from pymilvus import AsyncMilvusClient
from pymilvus.grpc_gen import common_pb2, milvus_pb2

LOGICAL_BITS = 18
"""Of a Milvus timestamp, below its milliseconds."""


def _alloc_timestamp(_self: object, _request: object, _context: object) -> Any:
    """What the asynchronous client asks for before it waits for an index; Milvus has it, Milvus Lite does not."""
    now = int(time.time() * 1000) << LOGICAL_BITS
    return cast("Any", milvus_pb2).AllocTimestampResponse(status=cast("Any", common_pb2).Status(), timestamp=now)


@contextmanager
def milvus_server(directory: Path) -> Generator[str]:
    """Yield the address of a server that keeps its data in `directory`."""
    from milvus_lite.adapter.grpc import servicer  # noqa: PLC0415 - there are machines that it is not built for
    from milvus_lite.adapter.grpc.server import start_server_in_thread  # noqa: PLC0415

    cast("Any", servicer).MilvusServicer.AllocTimestamp = _alloc_timestamp
    server, db, port = cast("Any", start_server_in_thread)(str(directory / "milvus"))
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.stop(0).wait()
        db.close()


async def empty(url: str, prefix: str) -> None:
    """Remove every tenant's rows; to make the collections anew for each test would take seconds."""
    client: Any = AsyncMilvusClient(url)
    for name in (f"{prefix}_records", f"{prefix}_chunks"):
        if await client.has_collection(name):
            await client.delete(name, filter='tenant != ""')
    await client.close()
