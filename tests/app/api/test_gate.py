"""Who gets in: by host, by origin, by key; refused before anything is read or done."""

import httpx
import pytest

from app.security.api_keys import key_entry, new_key
from tests.app.api.conftest import Serve
from tests.support.fake_ports import FakeStore

pytestmark = pytest.mark.anyio
QUESTION = {"query": "Which colour?"}
KEY, OTHER = new_key(), new_key()
KEYS = f"{key_entry('ci', 'acme', KEY)},{key_entry('laptop', 'globex', OTHER)}"


async def test_a_host_that_is_not_ours_is_misdirected(client: httpx.AsyncClient) -> None:
    for host in ("evil.example", "evil.example:8000", "127.0.0.1.evil.example", "localhost.evil"):
        for method, path in (("GET", "/"), ("POST", "/v1/query"), ("GET", "/v1/documents")):
            response = await client.request(method, path, json=QUESTION, headers={"Host": host})
            assert (response.status_code, response.json()["status"]) == (421, 421), (host, path)


async def test_probes_answer_under_any_name_without_a_key(serve: Serve) -> None:
    async with serve(api_keys=KEYS) as client:
        for path in ("/healthz", "/readyz", "/metrics"):
            assert (await client.get(path, headers={"Host": "10.1.2.3:8000"})).status_code == 200, path


async def test_a_configured_host_is_answered(serve: Serve) -> None:
    async with serve(allowed_hosts="rag.example.com") as client:
        response = await client.post("/v1/query", json=QUESTION, headers={"Host": "rag.example.com"})
        assert response.status_code == 200


FOREIGN = (
    [("Sec-Fetch-Site", "cross-site")],
    [("Origin", "http://evil.example")],
    [("Origin", "null")],
    [("Origin", "http://[")],
    [("Sec-Fetch-Site", "same-origin"), ("Sec-Fetch-Site", "cross-site")],
    [("Origin", "http://evil.example"), ("Origin", "http://evil.example")],
)
CHANGING = (
    *(
        ("POST", path)
        for path in ("/v1/query", "/query", "/v1/retrieve", "/v1/chat/completions", "/v1/feedback", "/v1/documents")
    ),
    *((method, "/v1/documents/x") for method in ("DELETE", "PUT", "PATCH")),
)


async def test_a_foreign_page_can_do_nothing(client: httpx.AsyncClient, store: FakeStore) -> None:
    for headers in FOREIGN:
        for method, path in CHANGING:
            response = await client.request(method, path, json=QUESTION, headers=headers)
            assert response.status_code == 403, (method, path, headers)
    assert store.searches == []


async def test_no_answer_has_cors_headers(client: httpx.AsyncClient) -> None:
    for method in ("GET", "POST", "OPTIONS"):
        response = await client.request(method, "/v1/query", json=QUESTION, headers={"Origin": str(client.base_url)})
        assert not [name for name in response.headers if name.startswith("access-control-")]


@pytest.mark.parametrize("name", ["Authorization", "X-API-Key"])
async def test_a_key_opens_its_own_tenant(serve: Serve, store: FakeStore, name: str) -> None:
    async with serve(api_keys=KEYS) as client:
        for key in (KEY, OTHER):
            value = f"Bearer {key}" if name == "Authorization" else key
            assert (await client.post("/v1/query", json=QUESTION, headers={name: value})).status_code == 200
    assert [tenant for tenant, _, _ in store.searches] == ["acme", "globex"]


NO_KEY: tuple[dict[str, str], ...] = (
    {},
    {"X-API-Key": "wrong"},
    {"X-API-Key": ""},
    {"Authorization": f"Basic {KEY}"},
    {"Authorization": "Bearer"},
)
GUARDED = (("POST", "/v1/query"), ("GET", "/v1/documents"), ("GET", "/openapi.json"), ("GET", "/nope"))


async def test_without_a_known_key_nothing_is_told(serve: Serve) -> None:
    async with serve(api_keys=KEYS) as client:
        for headers in NO_KEY:
            for method, path in GUARDED:
                response = await client.request(method, path, json=QUESTION, headers=headers)
                assert response.status_code == 401, (method, path, headers)
                assert response.headers["www-authenticate"].partition(" ")[0] == "Bearer"
                assert response.headers["content-type"] == "application/problem+json"


async def test_who_is_refused_counts_at_the_address_they_asked(serve: Serve) -> None:
    async with serve(api_keys=KEYS) as client:
        await client.post("/v1/query", json=QUESTION)
        await client.post("/v1/query", json=QUESTION, headers={"Host": "evil.example"})
        await client.get("/openapi.json", headers={"Authorization": f"Bearer {KEY}"})
        metrics = (await client.get("/metrics")).text
    for endpoint, status in (("/v1/query", 401), ("/v1/query", 421), ("/openapi.json", 200)):
        assert f'rag_requests_total{{endpoint="{endpoint}",status="{status}"}} 1.0' in metrics
    assert "unmatched" not in metrics


async def test_a_stranger_is_refused_before_the_body_is_read(serve: Serve) -> None:
    async with serve(api_keys=KEYS) as client:
        response = await client.post("/v1/query", content=b"x" * 10_000_000)
    assert response.status_code == 401


async def test_the_page_is_open_so_that_it_can_ask_for_a_key(serve: Serve) -> None:
    async with serve(api_keys=KEYS) as client:
        assert (await client.get("/")).status_code == 200
