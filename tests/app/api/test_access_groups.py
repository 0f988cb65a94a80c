"""Access groups and filters over HTTP, on the embedded store: who finds, lists, replaces and deletes what."""

from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from typing import TypeAlias

import httpx
import pytest

from app.adapters.embedded_store import EmbeddedStore
from app.adapters.wordllama import WordLlamaEmbedder
from app.security.api_keys import key_entry, new_key
from tests.app.api.conftest import Serve
from tests.app.api.test_documents import upload

pytestmark = pytest.mark.anyio
ADMIN, HR, IT = new_key(), new_key(), new_key()
KEYS = " ".join(
    (
        key_entry("admin", "acme", ADMIN),
        key_entry("hr", "acme", HR, ["hr", "board"]),
        key_entry("it", "acme", IT, ["it"]),
    )
)
As: TypeAlias = Callable[[str], httpx.AsyncClient]


@pytest.fixture
def store(tmp_path: Path) -> EmbeddedStore:
    return EmbeddedStore(tmp_path)


@pytest.fixture
def embedder() -> WordLlamaEmbedder:
    return WordLlamaEmbedder()


@pytest.fixture
async def as_(serve: Serve, store: EmbeddedStore) -> AsyncGenerator[As, None]:
    """Return a function that makes the client speak with a key."""
    async with serve(api_keys=KEYS) as client:

        def speak(key: str) -> httpx.AsyncClient:
            client.headers["Authorization"] = f"Bearer {key}"
            return client

        yield speak
    await store.close()


async def found(client: httpx.AsyncClient, **wanted: object) -> set[str]:
    response = await client.post("/v1/retrieve", json={"query": "salary", **wanted})
    assert response.status_code == 200, response.text
    return {hit["text"] for hit in response.json()["hits"]}


async def test_each_key_finds_what_is_open_and_what_is_of_its_groups(as_: As) -> None:
    await upload(as_(ADMIN), "open.md", b"The salary day.")
    await upload(as_(HR), "hr.md", b"The salary list.")
    await upload(as_(ADMIN), "it.md", b"The salary server.", groups="it, board")
    assert await found(as_(ADMIN)) == {"The salary day.", "The salary list.", "The salary server."}
    assert await found(as_(HR)) == {"The salary day.", "The salary list.", "The salary server."}
    assert await found(as_(IT)) == {"The salary day.", "The salary server."}
    answer = (await as_(IT).post("/v1/query", json={"query": "Where is the salary list?"})).json()
    assert "list" not in {word for source in answer["sources"] for word in source["text"].rstrip(".").split()}
    listed = (await as_(IT).get("/v1/documents")).json()["documents"]
    assert {document["source_uri"]: document["groups"] for document in listed} == {
        "upload:///it.md": ["board", "it"],
        "upload:///open.md": [],
    }


async def test_what_a_key_may_not_read_it_can_neither_see_nor_replace_nor_delete(as_: As) -> None:
    path = f"/v1/documents/{(await upload(as_(HR), 'hr.md', b'The salary list.')).json()['doc_id']}"
    assert (await as_(IT).get(path)).status_code == 404
    assert (await as_(IT).delete(path)).status_code == 404
    assert (await upload(as_(IT), "hr.md", b"Forged salary.")).status_code == 403
    assert await found(as_(HR)) == {"The salary list."}
    assert (await as_(HR).delete(path)).status_code == 204


async def test_a_key_gives_a_document_no_group_that_it_is_not_in(as_: As) -> None:
    response = await upload(as_(IT), "a.md", b"The salary.", groups="it,hr")
    assert (response.status_code, response.json()["detail"]) == (
        403, "groups: your key is not in hr; give groups of your own, or none.",
    )  # fmt: skip


async def test_new_content_keeps_groups_and_metadata_and_new_groups_are_a_new_version(as_: As) -> None:
    first = (await upload(as_(HR), "a.md", b"Salary 1", metadata='{"year": "2024"}')).json()
    second = (await upload(as_(ADMIN), "a.md", b"Salary 2")).json()
    assert (await found(as_(IT)), second["status"]) == (set(), "updated")
    opened = (await upload(as_(ADMIN), "a.md", b"Salary 2", groups="*")).json()
    assert (await found(as_(IT)), opened["status"]) == ({"Salary 2"}, "updated")
    document = (await as_(IT).get(f"/v1/documents/{first['doc_id']}")).json()
    assert (document["groups"], document["metadata"]) == ([], {"year": "2024"})
    assert (await upload(as_(IT), "a.md", b"Salary 2")).json()["status"] == "unchanged"


async def test_a_filter_keeps_to_documents_with_this_metadata(as_: As) -> None:
    for year in ("2023", "2024", "2025"):
        await upload(as_(ADMIN), f"{year}.md", f"Salary {year}".encode(), metadata=f'{{"year": "{year}", "unit": "x"}}')
    assert await found(as_(ADMIN), filter={"year": "2024"}) == {"Salary 2024"}
    assert await found(as_(ADMIN), filter={"year": ["2023", "2024"], "unit": "x"}) == {"Salary 2023", "Salary 2024"}
    assert await found(as_(ADMIN), filter={"unit": "y"}) == set()
    answer = (await as_(ADMIN).post("/v1/query", json={"query": "salary", "filter": {"year": "2025"}})).json()
    assert [source["text"] for source in answer["sources"]] == ["Salary 2025"]


@pytest.mark.parametrize(
    ("wanted", "message"),
    [({"a b": "c"}, "filter: the key 'a b' is not allowed"), ({"a": []}, "filter: a has 0 values"), ({"a": 1}, "a")],
)
async def test_an_odd_filter_is_refused(as_: As, wanted: dict[str, object], message: str) -> None:
    response = await as_(ADMIN).post("/v1/query", json={"query": "salary", "filter": wanted})
    assert response.status_code == 422
    assert message in response.json()["detail"]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"metadata": "year"}, "metadata is not a JSON object of texts"),
        ({"metadata": '{"year": 2024}'}, "metadata is not a JSON object of texts"),
        ({"metadata": '{"a b": "c"}'}, "metadata: the key 'a b' is not allowed"),
        ({"groups": "h r"}, "groups: the group 'h r' is not allowed"),
    ],
)
async def test_odd_groups_and_metadata_are_refused(as_: As, data: dict[str, str], message: str) -> None:
    response = await upload(as_(ADMIN), "a.md", b"Salary", **data)
    assert response.status_code == 422
    assert response.json()["detail"].startswith(message)
