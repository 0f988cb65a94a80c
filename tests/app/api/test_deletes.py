"""Deleting and reading one document: ids that no document has, and a removal that fails halfway."""

import httpx
import pytest
from qdrant_client.http.exceptions import ResponseHandlingException

from app.adapters.qdrant_store import QdrantStore
from app.ports import DependencyUnavailable
from app.security.api_keys import key_entry, new_key
from tests.app.api.conftest import Serve
from tests.app.api.test_documents import upload
from tests.support.fake_ports import FakeStore
from tests.support.qdrant import SharedClient, qdrant_store

pytestmark = pytest.mark.anyio
HR = new_key()
NO_IDS = ("a%00b", "handbook", "0" * 31, "0" * 33, "A" * 32, "0" * 32 + "%0a", "%ff" * 32)


@pytest.mark.parametrize("doc_id", NO_IDS)
async def test_what_is_no_documents_id_is_unknown_and_no_store_is_asked_for_it(
    client: httpx.AsyncClient, store: FakeStore, monkeypatch: pytest.MonkeyPatch, doc_id: str
) -> None:
    async def fail(*_: object) -> None:
        raise DependencyUnavailable("vector_store", "asked")

    for name in ("get", "delete"):
        monkeypatch.setattr(store, name, fail)
    for method in ("GET", "DELETE"):
        assert (await client.request(method, f"/v1/documents/{doc_id}")).status_code == 404
        assert (await client.request(method, f"/v1/documents/{'0' * 32}")).status_code == 503


class TestRemovalThatFailsHalfway:
    """In a store without transactions: the document is deleted, its passages are still there."""

    @pytest.fixture
    def memory(self) -> SharedClient:
        return SharedClient()

    @pytest.fixture
    def store(self, memory: SharedClient) -> QdrantStore:
        return qdrant_store(memory)

    @pytest.mark.filterwarnings("ignore:Payload indexes have no effect in the local Qdrant")
    async def test_another_try_ends_it_for_a_caller_of_groups_too(
        self, serve: Serve, memory: SharedClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def fail(*_: object, **__: object) -> None:
            raise ResponseHandlingException(ConnectionError())

        async with serve(api_keys=key_entry("hr", "acme", HR, ["hr"])) as client:
            client.headers["X-API-Key"] = HR
            path = f"/v1/documents/{(await upload(client, 'hr.md', b'The salary list.')).json()['doc_id']}"
            with monkeypatch.context() as broken:
                broken.setattr(memory, "delete", fail)
                assert (await client.delete(path)).status_code == 503
            assert (await client.get(path)).status_code == 404
            assert (await memory.count("test-chunks")).count == 1
            assert (await client.delete(path)).status_code == 404
            assert (await memory.count("test-chunks")).count == 0
