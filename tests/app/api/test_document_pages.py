"""`GET /v1/documents` page by page, on the embedded store."""

from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.adapters.embedded_store import EmbeddedStore
from app.adapters.wordllama import WordLlamaEmbedder
from app.api.cursors import cursor_of
from app.security.api_keys import key_entry, new_key
from tests.app.api.conftest import Serve
from tests.app.api.test_documents import upload

pytestmark = pytest.mark.anyio
ACME, GLOBEX, IT = new_key(), new_key(), new_key()
KEYS = f"{key_entry('a', 'acme', ACME)} {key_entry('g', 'globex', GLOBEX)} {key_entry('i', 'acme', IT, ['it'])}"
PATH = "/v1/documents"
DOCUMENTS = 5


@pytest.fixture
def embedder() -> WordLlamaEmbedder:
    return WordLlamaEmbedder()


@pytest.fixture
def store(tmp_path: Path) -> EmbeddedStore:
    return EmbeddedStore(tmp_path)


@pytest.fixture
async def client(serve: Serve, store: EmbeddedStore) -> AsyncGenerator[httpx.AsyncClient, None]:
    async with serve(api_keys=KEYS) as client:
        client.headers["X-API-Key"] = ACME
        for number in range(DOCUMENTS):
            groups = {"groups": "hr"} if number % 2 else {}
            assert (await upload(client, f"{number}.md", b"Spot nodes drain.", **groups)).status_code == 200
        yield client
    await store.close()


async def page(client: httpx.AsyncClient, key: str = ACME, **wanted: Any) -> dict[str, Any]:
    response = await client.get(PATH, params=wanted, headers={"X-API-Key": key})
    assert response.status_code == 200, response.text
    return response.json()


async def test_each_page_leads_to_the_next_and_the_last_one_says_so(client: httpx.AsyncClient) -> None:
    pages = [await page(client, limit=2)]
    while cursor := pages[-1]["next_cursor"]:
        pages.append(await page(client, limit=2, cursor=cursor))
    assert [len(each["documents"]) for each in pages] == [2, 2, 1]
    names = [document["source_uri"] for each in pages for document in each["documents"]]
    assert sorted(names) == [f"upload:///{number}.md" for number in range(DOCUMENTS)]
    whole = await page(client)
    assert (whole["next_cursor"], [document["source_uri"] for document in whole["documents"]]) == (None, names)
    assert (await page(client, limit=2)) == pages[0]


async def test_a_page_as_long_as_the_list_is_the_last(client: httpx.AsyncClient) -> None:
    assert (await page(client, limit=DOCUMENTS))["next_cursor"] is None


async def test_pages_of_a_key_with_groups_are_of_what_it_may_read(client: httpx.AsyncClient) -> None:
    first = await page(client, IT, limit=2)
    second = await page(client, IT, limit=2, cursor=first["next_cursor"])
    documents = first["documents"] + second["documents"]
    assert sorted(document["source_uri"] for document in documents) == [f"upload:///{n}.md" for n in (0, 2, 4)]
    assert (len(first["documents"]), second["next_cursor"]) == (2, None)


async def test_a_cursor_that_is_none_of_ours_is_refused_in_words(client: httpx.AsyncClient) -> None:
    good = (await page(client, limit=2))["next_cursor"]
    wrong = (good[:-1], good + "AA", good.swapcase(), "nonsense", "é", "", "=", cursor_of("acme", "a\0b"))
    for cursor in (*wrong, cursor_of("globex", "0")):
        response = await client.get(PATH, params={"cursor": cursor})
        assert (response.status_code, response.json()["errors"][0]["field"]) == (422, "cursor"), cursor
        assert "send next_cursor as it came, or begin again without" in response.json()["detail"]
    response = await client.get(PATH, params={"cursor": good}, headers={"X-API-Key": GLOBEX})
    assert response.status_code == 422, "another tenant's"


@pytest.mark.parametrize(
    ("wanted", "sentence"),
    [
        ({"limit": 0}, "limit: Input should be greater than or equal to 1"),
        ({"limit": 1001}, "limit: Input should be less than or equal to 1000"),
        ({"limit": "many"}, "limit: Input should be a valid integer"),
        ({"page": 2}, "query: there is no field 'page'; allowed are limit, cursor"),
    ],
)
async def test_a_page_that_cannot_be_had_is_refused_by_name(
    client: httpx.AsyncClient, wanted: dict[str, Any], sentence: str
) -> None:
    response = await client.get(PATH, params=wanted)
    assert (response.status_code, sentence in response.json()["detail"]) == (422, True), response.text
