"""What a key may do: each route needs a scope, said in one table, and 403 names the one that is missing."""

import httpx
import pytest
from fastapi import APIRouter
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from app.main import create_app
from app.security.api_keys import key_entry, new_key
from app.security.needed_scopes import NEEDED, undeclared
from app.security.principal import API_SCOPES, ApiScope
from app.settings import Settings
from tests.app.api.conftest import Serve

pytestmark = pytest.mark.anyio
KEYS: dict[ApiScope, str] = {scope: new_key() for scope in API_SCOPES}
ENTRIES = ",".join(key_entry(scope, "acme", key, scopes=[scope]) for scope, key in KEYS.items())
QUESTION = {"query": "Which colour?"}


def as_holder_of(scope: ApiScope) -> dict[str, str]:
    return {"Authorization": f"Bearer {KEYS[scope]}"}


async def test_each_route_opens_for_its_scopes_and_for_no_other(serve: Serve) -> None:
    async with serve(api_keys=ENTRIES) as client:
        for (method, route), needed in NEEDED.items():
            path = route.replace("{doc_id}", "x").replace("{model_id:path}", "a/b")
            for scope in KEYS:
                status = (await client.request(method, path, headers=as_holder_of(scope))).status_code
                assert (status == 403) == bool(needed and scope not in needed), (method, path, scope, status)


async def test_the_refusal_names_the_missing_scope(serve: Serve) -> None:
    async with serve(api_keys=ENTRIES) as client:
        response = await client.post("/v1/query", json=QUESTION, headers=as_holder_of("ingest"))
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["www-authenticate"] == 'Bearer error="insufficient_scope", scope="query"'
    assert "the scope query" in response.json()["detail"]
    assert response.json()["needed_scopes"] == ["query"]


async def test_a_request_without_the_scope_is_refused_before_its_body_is_read(serve: Serve) -> None:
    async with serve(api_keys=ENTRIES) as client:
        response = await client.post("/v1/query", content=b"x" * 10_000_000, headers=as_holder_of("ingest"))
    assert response.status_code == 403


async def test_without_keys_everything_is_open_on_loopback(client: httpx.AsyncClient) -> None:
    assert (await client.post("/v1/query", json=QUESTION)).status_code == 200
    assert (await client.delete("/v1/documents/x")).status_code == 404


def test_every_route_says_which_scope_it_needs() -> None:
    assert undeclared(create_app(Settings()).routes) == []


def test_a_route_that_does_not_is_found_in_an_included_router_too() -> None:
    app = create_app(Settings())
    router = APIRouter(prefix="/v1")
    router.add_api_route("/forgotten", lambda: None, methods=["PUT"])
    app.include_router(router)
    app.router.routes.append(Route("/raw", PlainTextResponse("")))
    app.mount("/static", app)
    assert undeclared(app.routes)[:2] == ["PUT /v1/forgotten", "ANY /raw"]
    assert "/static" in undeclared(app.routes)[2]
