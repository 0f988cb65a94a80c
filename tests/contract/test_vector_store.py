"""Each vector store against the contract, on the real thing."""

from pathlib import Path

import pytest

from app.adapters.embedded_store import EmbeddedStore
from tests.contract.vector_store_contract import MakeStore, VectorStoreContract


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class TestEmbeddedStore(VectorStoreContract):
    @pytest.fixture
    def make_store(self, tmp_path: Path) -> MakeStore:
        return lambda: EmbeddedStore(tmp_path / "data")
