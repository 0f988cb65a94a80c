"""Signing in to the page at an issuer: a code for this browser, client and moment begins a session, no other."""

import asyncio
import re
from collections.abc import AsyncGenerator
from typing import Any, get_args
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from app.security.oidc_sign_in import Reason
from app.web.routes import assets
from tests.app.api.conftest import Serve
from tests.app.api.process import NO_TLS
from tests.support.identity_provider import AUDIENCE, CLIENT, CLIENT_SECRET, IdentityProvider

pytestmark = pytest.mark.anyio


@pytest.fixture
async def idp() -> AsyncGenerator[IdentityProvider, None]:
    async with IdentityProvider() as provider:
        yield provider


def settings(idp: IdentityProvider, **changes: Any) -> dict[str, Any]:
    client = {"oidc_client_id": CLIENT, "oidc_client_secret": CLIENT_SECRET}
    return {"oidc_issuers": idp.issuer, "oidc_audience": AUDIENCE, **client, **changes}


async def begin(client: httpx.AsyncClient) -> str:
    """Return the issuer's address that the service sends the browser to."""
    response = await client.get("/session/oidc")
    assert response.status_code == 303
    return response.headers["Location"]


async def at_issuer(address: str) -> str:
    """Be signed in there, and return where the issuer sends the browser back to."""
    async with httpx.AsyncClient(trust_env=False, verify=NO_TLS) as browser:
        return (await browser.get(address)).headers["Location"]


async def sign_in(client: httpx.AsyncClient) -> str:
    """Return the page's address that the whole way ends at."""
    response = await client.get(await at_issuer(await begin(client)))
    assert response.status_code == 303
    return response.headers["Location"]


@pytest.mark.parametrize("secret", [CLIENT_SECRET, None])
async def test_a_code_begins_a_session_of_whom_the_issuer_names(
    serve: Serve, idp: IdentityProvider, secret: str | None
) -> None:
    idp.id_claims = {"scope": "query", "groups": ["hr"]}
    async with serve(**settings(idp, oidc_client_secret=secret, oidc_groups_claim="groups")) as client:
        assert await sign_in(client) == "/?signed-in"
        assert set(client.cookies) == {"ragspan_session"}, "what was kept for the way is gone"
        who = (await client.get("/session")).json()
        assert (who["name"], who["tenant"], who["scopes"], who["ways"]) == (
            "Alice Example",
            "acme",
            ["query"],
            ["oidc"],
        )
        token = {"X-CSRF-Token": who["csrf_token"]}
        assert (await client.post("/v1/query", json={"query": "Which?"}, headers=token)).status_code == 200
        assert (await client.post("/v1/query", json={"query": "Which?"})).status_code == 403
        assert (await client.delete("/v1/documents/x", headers=token)).status_code == 403


async def test_the_browser_is_sent_with_a_challenge_and_sees_no_token(serve: Serve, idp: IdentityProvider) -> None:
    async with serve(**settings(idp), allowed_hosts="rag.example") as client:
        response = await client.get("/session/oidc", headers={"Host": "rag.example"})
        asked = {name: values[0] for name, values in parse_qs(urlsplit(response.headers["Location"]).query).items()}
        assert asked["redirect_uri"] == "https://rag.example/session/oidc/callback"
        assert (asked["response_type"], asked["code_challenge_method"]) == ("code", "S256")
        cookie = response.headers["Set-Cookie"]
        assert cookie.startswith("__Host-ragspan_sign_in=")
        assert {"HttpOnly", "Secure", "SameSite=lax", "Path=/", "Max-Age=600"} <= set(cookie.split("; "))
        assert len({asked["state"], asked["nonce"], asked["code_challenge"]}) == 3


@pytest.mark.parametrize(
    ("answer", "claims", "failure"),
    [
        ({"state": "forged"}, {}, "stale: this browser did not begin"),
        ({"state": ""}, {}, "stale: this browser did not begin"),
        ({"code": "", "error": "access_denied"}, {}, "refused: the issuer answered access_denied"),
        ({"code": "", "error": "Forged line"}, {}, "refused: the issuer answered without a code"),
        ({"iss": "https://another.example/"}, {}, "refused: the issuer answered"),
        ({"code": "stolen"}, {}, "unavailable: http://.*/token answered with status 400"),
        ({}, {"nonce": "another"}, "unproven: the ID token is of another sign-in"),
        ({}, {"nonce": None}, "unproven: the ID token is of another sign-in"),
        ({}, {"aud": AUDIENCE}, "unproven: .* claim aud does not hold"),
        ({}, {"azp": "another"}, "unproven: the ID token is of another sign-in or for another client"),
        ({}, {"exp": 1}, "unproven: .* expired"),
        ({}, {"tenant": None}, "stranger: .* claim tenant"),
    ],
)
async def test_what_does_not_hold_begins_none_and_the_log_says_why(
    serve: Serve, idp: IdentityProvider, caplog: pytest.LogCaptureFixture,
    answer: dict[str, str], claims: dict[str, Any], failure: str,
) -> None:  # fmt: skip
    idp.answer, idp.id_claims = answer, claims
    reason, _, why = failure.partition(": ")
    async with serve(**settings(idp)) as client:
        assert await sign_in(client) == f"/?sign-in-failed={reason}"
        assert re.search(f"nobody is signed in: {why}", caplog.text)
        assert not client.cookies
        assert (await client.get("/session")).json() == {"ways": ["oidc"], "scopes": []}


@pytest.mark.parametrize(("chars", "end"), [(36, "signed-in"), (64, "sign-in-failed=crowded")])
async def test_groups_that_no_cookie_has_room_for_are_told(
    serve: Serve, idp: IdentityProvider, chars: int, end: str
) -> None:
    """Browsers drop a cookie beyond 4096 bytes without a word; fifty names of 36 characters, as Entra's, fit."""
    idp.id_claims = {"groups": [f"{number:02}".ljust(chars, "x") for number in range(50)], "name": "\N{SNOWMAN}" * 80}
    async with serve(**settings(idp, oidc_groups_claim="groups")) as client:
        address = await at_issuer(await begin(client))
        response = await client.get(address)
        assert response.headers["Location"] == f"/?{end}"
        assert all(len(cookie) <= 4096 for cookie in response.headers.get_list("Set-Cookie"))
        assert ("tenant" in (await client.get("/session")).json()) == (end == "signed-in")


def test_the_page_has_words_for_every_reason() -> None:
    words = re.findall(r"^  (\w+): \"\w.*\",$", assets()["session.js"].decode(), re.MULTILINE)
    assert set(words) == set(get_args(Reason))


async def test_the_code_of_another_browser_begins_none(serve: Serve, idp: IdentityProvider) -> None:
    async with serve(**settings(idp)) as client:
        attackers = await at_issuer(await begin(client))
        client.cookies.clear()
        await begin(client)
        response = await client.get(attackers)
        assert response.headers["Location"] == "/?sign-in-failed=stale"
        assert "ragspan_session" not in client.cookies


async def test_a_code_works_once(serve: Serve, idp: IdentityProvider) -> None:
    async with serve(**settings(idp)) as client:
        back = await at_issuer(await begin(client))
        kept = client.cookies["ragspan_sign_in"]
        await client.get(back)
        again = await client.get(back, headers={"Cookie": f"ragspan_sign_in={kept}"})
        assert again.headers["Location"] == "/?sign-in-failed=unavailable"


async def test_whoever_begins_again_and_again_asks_the_issuer_nothing_more(serve: Serve, idp: IdentityProvider) -> None:
    async with serve(**settings(idp)) as client:
        for _ in range(3):
            begun = await asyncio.gather(*(begin(client) for _ in range(10)))
            assert all(address.startswith(f"{idp.issuer}authorize?") for address in begun)
    assert idp.configurations == 1


async def test_an_issuer_that_is_away_is_said(serve: Serve) -> None:
    async with IdentityProvider() as gone:
        pass
    async with serve(**settings(gone)) as client:
        assert await begin(client) == "/?sign-in-failed=unavailable"


async def test_without_a_client_nobody_signs_in_there(client: httpx.AsyncClient) -> None:
    for path in ("/session/oidc", "/session/oidc/callback"):
        assert (await client.get(path)).status_code == 404
