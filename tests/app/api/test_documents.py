"""Documents over HTTP, on the embedded store and the local embedding model."""

from collections.abc import AsyncGenerator
from dataclasses import asdict, replace
from pathlib import Path

import httpx
import pytest

from app.adapters.embedded_store import EmbeddedStore
from app.adapters.wordllama import WordLlamaEmbedder
from app.ports import DocumentVersion
from app.security.api_keys import key_entry, new_key
from app.security.principal import DEFAULT_TENANT
from tests.app.api.conftest import Serve
from tests.support.fake_ports import FakeGenerator

pytestmark = pytest.mark.anyio
TEXT = b"Spot nodes drain in thirty seconds."
ACME, GLOBEX = new_key(), new_key()
NO_DOCUMENTS: dict[str, object] = {"documents": [], "next_cursor": None}


@pytest.fixture
def store(tmp_path: Path) -> EmbeddedStore:
    return EmbeddedStore(tmp_path)


@pytest.fixture
def embedder() -> WordLlamaEmbedder:
    return WordLlamaEmbedder()


@pytest.fixture
async def client(serve: Serve, store: EmbeddedStore) -> AsyncGenerator[httpx.AsyncClient, None]:
    async with serve(max_upload_bytes=100_000) as client:
        yield client
    await store.close()


async def upload(client: httpx.AsyncClient, name: str, content: bytes, **data: str) -> httpx.Response:
    return await client.post("/v1/documents", files={"file": (name, content)}, data=data)


async def test_the_same_bytes_are_unchanged_and_new_bytes_a_new_version(client: httpx.AsyncClient) -> None:
    created = (await upload(client, "a.md", TEXT)).json()
    assert (await upload(client, "a.md", TEXT)).json() == {**created, "status": "unchanged"}
    updated = (await upload(client, "a.md", b"Spot nodes drain in a minute.")).json()
    assert (created["status"], updated["status"]) == ("created", "updated")
    assert (updated["doc_id"], updated["version"] != created["version"]) == (created["doc_id"], True)
    sources = (await client.post("/v1/retrieve", json={"query": "spot nodes drain"})).json()["hits"]
    assert [source["text"] for source in sources] == ["Spot nodes drain in a minute."]


async def test_a_source_uri_is_the_identity_of_a_document(client: httpx.AsyncClient) -> None:
    first = (await upload(client, "a.md", TEXT, source_uri="https://wiki.example/a")).json()
    again = (await upload(client, "b.md", TEXT, source_uri="https://wiki.example/a")).json()
    assert (again["doc_id"], again["status"]) == (first["doc_id"], "unchanged")
    assert (await client.get(f"/v1/documents/{first['doc_id']}")).json()["source_uri"] == "https://wiki.example/a"


async def test_documents_are_listed_read_counted_and_deleted(client: httpx.AsyncClient) -> None:
    doc_id = (await upload(client, "a.md", TEXT)).json()["doc_id"]
    listed = (await client.get("/v1/documents")).json()["documents"]
    assert listed == [(await client.get(f"/v1/documents/{doc_id}")).json()]
    assert "rag_vector_db_documents 1.0" in (await client.get("/metrics")).text
    assert (await client.delete(f"/v1/documents/{doc_id}")).status_code == 204
    assert (await client.delete(f"/v1/documents/{doc_id}")).status_code == 404
    assert (await client.get("/v1/documents")).json() == NO_DOCUMENTS
    assert (await client.post("/v1/retrieve", json={"query": "spot"})).json() == {"hits": []}
    assert "rag_vector_db_documents 0.0" in (await client.get("/metrics")).text


async def test_an_upload_of_the_same_bytes_keeps_the_answers_of_before(
    serve: Serve, store: EmbeddedStore, generator: FakeGenerator
) -> None:
    generator.pieces = ("Spot nodes drain. [1]",)

    async def cached(client: httpx.AsyncClient) -> str | None:
        answer = await client.post("/v1/query", json={"query": "How fast do spot nodes drain?"})
        return answer.json()["metadata"]["cached"]

    async with serve(cache="memory") as client:
        await upload(client, "a.md", TEXT)
        assert (await cached(client), await cached(client)) == (None, "exact")
        assert (await upload(client, "a.md", TEXT)).json()["status"] == "unchanged"
        assert await cached(client) == "exact"
        assert (await upload(client, "a.md", b"Spot nodes drain in a minute.")).json()["status"] == "updated"
        assert await cached(client) is None
    await store.close()


async def test_a_document_of_the_future_can_be_replaced_and_deleted(
    client: httpx.AsyncClient, store: EmbeddedStore
) -> None:
    doc_id = (await upload(client, "a.md", TEXT)).json()["doc_id"]
    record = await store.get(DEFAULT_TENANT, doc_id)
    assert record
    described = asdict(replace(record, revision=record.revision + 10**18))
    chunks = described.pop("chunks")
    await store.publish(DEFAULT_TENANT, DocumentVersion(**described), chunks)
    assert (await upload(client, "a.md", TEXT)).json()["status"] == "unchanged"
    assert (await upload(client, "a.md", b"Spot nodes drain in a minute.")).json()["status"] == "updated"
    assert (await client.delete(f"/v1/documents/{doc_id}")).status_code == 204
    assert (await client.get("/v1/documents")).json() == NO_DOCUMENTS


@pytest.mark.parametrize(
    ("name", "content", "status", "words"),
    [
        ("a.exe", b"MZ", 422, ".exe is not a format that can be read"),
        ("a.md", b"", 422, "The file is empty."),
        ("a.pdf", b"%PDF-1.7 broken", 422, ""),
        ("a.docx", b"PK\x03\x04 broken", 422, ""),
        ("big.md", b"x" * 100_001, 413, "larger than 100000 bytes"),
        ("huge.md", b"x" * 1_000_000, 413, "larger than"),
    ],
)
async def test_a_document_that_cannot_be_read_changes_nothing(
    client: httpx.AsyncClient, name: str, content: bytes, status: int, words: str
) -> None:
    response = await upload(client, name, content)
    assert (response.status_code, response.json()["status"]) == (status, status)
    assert words in response.json()["detail"]
    assert (await client.get("/v1/documents")).json() == NO_DOCUMENTS


async def test_what_is_no_uri_is_refused(client: httpx.AsyncClient) -> None:
    for uri in ("wiki/a", "http://[", "https://wiki.example/\x1b[31m", "https://wiki.example/a b", ":a", "https:"):
        response = await upload(client, "a.md", TEXT, source_uri=uri)
        assert (response.status_code, "scheme" in response.json()["detail"]) == (422, True), uri
    assert (await client.get("/v1/documents")).json() == NO_DOCUMENTS


async def test_nothing_that_was_sent_along_is_left_out_silently(client: httpx.AsyncClient) -> None:
    two = [("file", ("a.md", TEXT)), ("file", ("b.md", TEXT))]
    misspelt = await upload(client, "a.md", TEXT, sourceuri="https://wiki.example/a")
    for response, words in ((await client.post("/v1/documents", files=two), "one file"), (misspelt, "'sourceuri'")):
        assert (response.status_code, words in response.json()["detail"]) == (422, True), response.text
    assert (await client.get("/v1/documents")).json() == NO_DOCUMENTS


async def test_a_file_name_that_makes_too_long_a_uri_is_refused(client: httpx.AsyncClient) -> None:
    response = await upload(client, "a" * 3000 + ".md", TEXT)
    assert (response.status_code, "2048" in response.json()["detail"]) == (422, True)


async def test_a_file_name_that_no_store_can_keep_makes_a_title_that_each_can(client: httpx.AsyncClient) -> None:
    body = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a\0b.md"\r\n\r\nSpot\r\n--b--\r\n'
    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    response = await client.post("/v1/documents", content=body, headers=headers)
    assert response.status_code == 200
    assert (await client.get("/v1/documents")).json()["documents"][0]["title"] == "a\ufffdb"


async def test_text_in_the_place_of_a_file_is_told_so(client: httpx.AsyncClient) -> None:
    response = await client.post("/v1/documents", data={"file": "Spot nodes"}, files={"source_uri": (None, "a:b")})
    assert (response.status_code, response.json()["detail"]) == (
        422,
        "The request is not valid: file: send it as a file, with a file name.",
    )


async def test_a_path_in_a_file_name_is_not_part_of_it(client: httpx.AsyncClient) -> None:
    first = (await upload(client, "../../etc/a.md", TEXT)).json()
    assert (await upload(client, "C:\\docs\\a.md", TEXT)).json()["doc_id"] == first["doc_id"]


async def test_a_tenant_sees_and_deletes_its_own_documents_only(serve: Serve, store: EmbeddedStore) -> None:
    entries = f"{key_entry('a', 'acme', ACME)} {key_entry('g', 'globex', GLOBEX)}"
    async with serve(api_keys=entries) as client:
        acme, globex = {"X-API-Key": ACME}, {"X-API-Key": GLOBEX}
        body = await client.post("/v1/documents", files={"file": ("a.md", TEXT)}, headers=acme)
        doc_id = body.json()["doc_id"]
        assert (await client.get("/v1/documents", headers=globex)).json() == NO_DOCUMENTS
        found = await client.post("/v1/retrieve", json={"query": "spot nodes drain"}, headers=globex)
        assert found.json() == {"hits": []}
        assert (await client.delete(f"/v1/documents/{doc_id}", headers=globex)).status_code == 404
        assert (await client.get(f"/v1/documents/{doc_id}", headers=acme)).status_code == 200
    await store.close()
