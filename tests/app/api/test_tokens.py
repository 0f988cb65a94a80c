"""Tokens of an OpenID Connect issuer, from a real one on loopback."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import httpx
import pytest

from app.security.api_keys import key_entry, new_key
from app.security.needed_scopes import NEEDED
from tests.app.api.conftest import Serve
from tests.app.api.forged import refused_credentials
from tests.support.fake_ports import FakeStore
from tests.support.identity_provider import AUDIENCE, IdentityProvider, ec_key, rsa_key

pytestmark = pytest.mark.anyio
QUESTION = {"query": "Which colour?"}
KEY = new_key()


@pytest.fixture
async def idp() -> AsyncGenerator[IdentityProvider, None]:
    async with IdentityProvider() as idp:
        yield idp


def trusting(idp: IdentityProvider, **more: Any) -> dict[str, Any]:
    return {"oidc_issuers": idp.issuer, "oidc_audience": AUDIENCE, **more}


async def ask(client: httpx.AsyncClient, token: str) -> httpx.Response:
    return await client.post("/v1/query", json=QUESTION, headers={"Authorization": f"Bearer {token}"})


async def test_a_token_opens_the_tenant_that_it_names(serve: Serve, store: FakeStore, idp: IdentityProvider) -> None:
    async with serve(**trusting(idp)) as client:
        for key, tenant in ((idp.keys[0], "acme"), (idp.keys[1], "globex")):
            for _ in range(3):
                assert (await ask(client, idp.token(key, tenant=tenant))).status_code == 200
    assert [tenant for tenant, _, _ in store.searches] == ["acme"] * 3 + ["globex"] * 3
    assert idp.fetches == 1


async def test_api_keys_work_beside_tokens(serve: Serve, store: FakeStore, idp: IdentityProvider) -> None:
    async with serve(**trusting(idp, api_keys=key_entry("ci", "initech", KEY))) as client:
        assert (await ask(client, KEY)).status_code == 200
        assert (await ask(client, idp.token())).status_code == 200
    assert [tenant for tenant, _, _ in store.searches] == ["initech", "acme"]


async def test_documents_of_tenants_that_tokens_alone_name_are_counted(
    serve: Serve, store: FakeStore, idp: IdentityProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    documents = {"acme": 3, "globex": 4, "a stranger": 50}

    async def count(tenant: str) -> int:
        return documents.get(tenant, 0)

    monkeypatch.setattr(store, "count_documents", count)
    monkeypatch.setattr("app.readiness.CHECK_INTERVAL_S", 0.01)
    monkeypatch.setattr("app.readiness.COUNT_EVERY_CHECKS", 2)
    async with serve(**trusting(idp)) as client:
        for tenant in ("acme", "globex"):
            await ask(client, idp.token(tenant=tenant))
        async with asyncio.timeout(10):
            while "rag_vector_db_documents 7.0" not in (await client.get("/metrics")).text:
                pass


async def test_every_route_refuses_every_forged_credential(serve: Serve, store: FakeStore) -> None:
    async with (
        IdentityProvider(rsa_key(), ec_key()) as idp,
        serve(**trusting(idp, api_keys=key_entry("ci", "acme", KEY), max_refusals_per_minute=0)) as client,
    ):
        credentials = refused_credentials(idp)
        for method, route in NEEDED:
            path = route.replace("{doc_id}", "x").replace("{model_id:path}", "m")
            for what, headers in credentials.items():
                response = await client.request(method, path, json=QUESTION, headers=headers)
                assert response.status_code == 401, (what, method, path, response.text)
                assert response.headers["www-authenticate"].startswith("Bearer"), what
    assert store.searches == []


@pytest.mark.parametrize(
    ("claims", "settings", "groups"),
    [
        ({"groups": ["hr", "board"]}, {"oidc_groups_claim": "groups"}, {"hr", "board"}),
        ({"groups": "hr"}, {"oidc_groups_claim": "groups"}, {"hr"}),
        ({"groups": ["not a group's name", 7, "hr"]}, {"oidc_groups_claim": "groups"}, {"hr"}),
        ({}, {"oidc_groups_claim": "groups"}, set[str]()),
        ({"groups": ["hr"]}, {}, None),
    ],
)
async def test_groups_come_from_the_configured_claim(
    serve: Serve, store: FakeStore, idp: IdentityProvider, claims: Any, settings: Any, groups: Any
) -> None:
    async with serve(**trusting(idp, **settings)) as client:
        assert (await ask(client, idp.token(**claims))).status_code == 200
    assert store.scopes[-1].groups == groups


async def test_scopes_come_from_the_configured_claim(serve: Serve, idp: IdentityProvider) -> None:
    async with serve(**trusting(idp, oidc_scopes_claim="scp")) as client:
        for scopes, status in ((["query", "openid"], 200), ("openid query", 200), ("ingest", 403), (None, 403)):
            assert (await ask(client, idp.token(scp=scopes))).status_code == status, scopes


@pytest.mark.parametrize("tenant", [None, "", "a/b", ["acme"], 7, "a" * 65])
async def test_a_token_without_a_tenant_is_refused(serve: Serve, idp: IdentityProvider, tenant: object) -> None:
    async with serve(**trusting(idp)) as client:
        response = await ask(client, idp.token(tenant=tenant))
    assert response.status_code == 403
    assert "its claim tenant is not a tenant's name" in response.json()["detail"]


async def test_no_header_and_no_field_names_a_tenant(serve: Serve, store: FakeStore, idp: IdentityProvider) -> None:
    async with serve(**trusting(idp)) as client:
        headers = {"Authorization": f"Bearer {idp.token()}", "X-Tenant": "globex", "X-Forwarded-User": "globex"}
        await client.post("/v1/query?tenant=globex", json=QUESTION, headers=headers)
        refused = await client.post("/v1/query", json={**QUESTION, "tenant": "globex"}, headers=headers)
    assert [tenant for tenant, _, _ in store.searches] == ["acme"]
    assert refused.status_code == 422


@pytest.mark.parametrize("kid", ["the-one", None])
async def test_a_key_that_takes_the_place_of_another_is_known_at_once(
    serve: Serve, idp: IdentityProvider, monkeypatch: pytest.MonkeyPatch, kid: str | None
) -> None:
    """An issuer with one key may give it no id, or keep the id: for five minutes nobody got in."""
    monkeypatch.setattr("app.security.issuer_keys.REFETCH_S", 0)
    idp.keys = [rsa_key("the-one")]
    async with serve(**trusting(idp)) as client:
        before = idp.token(header={"kid": kid})
        assert (await ask(client, before)).status_code == 200
        idp.keys = [rsa_key("the-one")]
        assert (await ask(client, idp.token(header={"kid": kid}))).status_code == 200
        assert (await ask(client, before)).status_code == 401


async def test_a_remembered_token_still_expires(
    serve: Serve, idp: IdentityProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serve(**trusting(idp)) as client:
        token = idp.token()
        assert (await ask(client, token)).status_code == 200
        later = idp.claims()["exp"] + 60
        monkeypatch.setattr("time.time", lambda: later)
        assert "expired" in (await ask(client, token)).json()["detail"]


async def test_an_issuer_that_cannot_be_asked_is_503_and_never_open(
    serve: Serve, idp: IdentityProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.adapters.oidc.FETCH_TIMEOUT_S", 0.2)
    bloated = idp.key_set() + b" " * 300_000
    for trouble in ({"status": 500}, {"raw": b"[]"}, {"raw": b"{" * 100_000}, {"raw": bloated}, {"hangs": True}):
        vars(idp).update({"status": 200, "raw": None, **trouble})
        async with serve(**trusting(idp)) as client:
            response = await ask(client, idp.token())
            assert (response.status_code, response.headers["retry-after"]) == (503, "2"), trouble
            assert response.json()["detail"].startswith("The issuer of your token cannot be asked")


async def test_a_discovery_document_of_another_issuer_is_not_believed(serve: Serve, idp: IdentityProvider) -> None:
    other = idp.issuer.rstrip("/")
    async with serve(oidc_issuers=other, oidc_audience=AUDIENCE) as client:
        assert (await ask(client, idp.token(iss=other))).status_code == 503


async def test_keys_may_stand_at_an_address_of_their_own(serve: Serve, idp: IdentityProvider) -> None:
    idp.issuer, keys = "https://issuer.example/", f"{idp.issuer}keys"
    async with serve(**trusting(idp, oidc_jwks_url=keys)) as client:
        assert (await ask(client, idp.token())).status_code == 200


async def test_nothing_of_a_token_is_logged_counted_or_told(
    serve: Serve, idp: IdentityProvider, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    told: list[str] = []
    canary: dict[str, Any] = {"tenant": "CANARY-7d1f", "sub": "CANARY-7d1f", "groups": ["CANARY-7d1f"]}
    tokens = [
        idp.token(**canary),
        idp.token(rsa_key("CANARY-7d1f"), **canary),
        idp.token(aud="CANARY-7d1f", **canary),
        idp.token(scope="CANARY-7d1f", **canary),
        idp.token(tenant="CANARY-7d1f/"),
    ]
    async with serve(**trusting(idp, oidc_groups_claim="groups", tenant_requests_per_minute=1)) as client:
        responses = [await ask(client, token) for token in (*tokens, tokens[0])]
        told = [f"{response.headers} {response.text}" for response in responses]
        told.append((await client.get("/metrics")).text)
    assert [response.status_code for response in responses] == [200, 401, 401, 403, 403, 429]
    told += [f"{record.getMessage()} {vars(record)}" for record in caplog.records if "http" not in record.name]
    for secret in ("CANARY", *(token.split(".")[2] for token in tokens)):
        assert not [text for text in told if secret in text], secret
