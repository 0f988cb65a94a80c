from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from app.adapters.embedded_store import EmbeddedStore
from app.adapters.wordllama import WordLlamaEmbedder
from app.ingest.identity import index_identity

EMBEDDER = WordLlamaEmbedder()


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def store(tmp_path: Path) -> AsyncGenerator[EmbeddedStore]:
    """An empty index of what `EMBEDDER` makes."""
    store = EmbeddedStore(tmp_path)
    await store.open(index_identity(EMBEDDER))
    yield store
    await store.close()
