"""Qdrant's local mode for tests: the index of one process's memory, which several stores share."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from qdrant_client import AsyncQdrantClient

from app.adapters.qdrant_store import QdrantConnection, QdrantStore

REQUESTS = ("query_batch_points", "retrieve", "scroll", "facet", "upsert", "delete")


class SharedClient(AsyncQdrantClient):
    """Outlives the stores that close it, and lets others run during each request, as a network would."""

    def __init__(self) -> None:
        super().__init__(location=":memory:")
        for name in REQUESTS:
            setattr(self, name, _giving_way(getattr(self, name)))

    async def close(self, grpc_grace: float | None = None, **kwargs: Any) -> None:
        pass


def qdrant_store(client: SharedClient) -> QdrantStore:
    """A store in the memory of this client."""
    there = QdrantConnection(url="http://memory", collection_prefix="test", replication_factor=1)
    return QdrantStore(there, connect=lambda _: client)


def _giving_way(request: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    async def call(*arguments: Any, **options: Any) -> Any:
        await asyncio.sleep(0)
        return await request(*arguments, **options)

    return call
