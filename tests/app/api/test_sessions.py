"""Sessions of the page: a key is exchanged for a cookie that no script reads, and a change needs its token too."""

import time
from http.cookies import SimpleCookie

import httpx
import pytest

from app.security.api_keys import key_entry, new_key
from tests.app.api.conftest import Serve

pytestmark = pytest.mark.anyio
KEY, READER = new_key(), new_key()
ALICE = key_entry("alice", "acme", KEY)
KEYS = f"{ALICE} {key_entry('reader', 'acme', READER, scopes=['query'])}"
SECRET = "s" * 32
QUESTION = {"query": "Which colour?"}


async def signed_in(client: httpx.AsyncClient, key: str = KEY) -> dict[str, str]:
    """Sign in, let the client keep the cookie, and return the header that changes need."""
    response = await client.post("/session", json={"key": key})
    assert response.status_code == 204, response.text
    return {"X-CSRF-Token": (await client.get("/session")).json()["csrf_token"]}


@pytest.mark.parametrize(
    ("host", "name", "is_secure"),
    [
        ("127.0.0.1:8000", "ragspan_session", False),
        ("localhost", "ragspan_session", False),
        ("rag.example", "__Host-ragspan_session", True),
    ],
)
async def test_the_cookie_is_for_this_host_and_no_script(serve: Serve, host: str, name: str, is_secure: bool) -> None:
    async with serve(api_keys=KEYS, allowed_hosts="rag.example,localhost") as client:
        response = await client.post("/session", json={"key": KEY}, headers={"Host": host})
        (cookie,) = SimpleCookie(response.headers["Set-Cookie"]).values()
        flags = {flag: cookie[flag] for flag in ("httponly", "samesite", "path", "domain", "max-age")}
        assert flags == {"httponly": True, "samesite": "strict", "path": "/", "domain": "", "max-age": "43200"}
        assert (cookie.key, bool(cookie["secure"])) == (name, is_secure)
        assert KEY not in response.headers["Set-Cookie"] + response.text
        used = await client.get("/v1/documents", headers={"Host": host, "Cookie": f"{cookie.key}={cookie.value}"})
        assert used.status_code == 200
        plain = {"Host": "rag.example", "Cookie": f"ragspan_session={cookie.value}"}
        assert (await client.get("/v1/documents", headers=plain)).status_code == 401, "any host could have set this one"


async def test_a_session_reads_and_with_its_token_changes(serve: Serve) -> None:
    async with serve(api_keys=KEYS) as client:
        token = await signed_in(client)
        assert (await client.get("/v1/documents")).status_code == 200
        refused = await client.post("/v1/query", json=QUESTION)
        assert (refused.status_code, "X-CSRF-Token" in refused.json()["detail"]) == (403, True)
        assert (await client.post("/v1/query", json=QUESTION, headers=token)).status_code == 200


async def test_the_token_of_another_session_is_none(serve: Serve) -> None:
    async with serve(api_keys=KEYS) as client:
        others = await signed_in(client, READER)
        await signed_in(client)
        for token in (*others.values(), "", "x", "\u00e9"):
            headers = {b"X-CSRF-Token": token.encode()}
            assert (await client.post("/v1/query", json=QUESTION, headers=headers)).status_code == 403, token


async def test_a_session_may_do_what_its_key_may(serve: Serve) -> None:
    async with serve(api_keys=KEYS) as client:
        token = await signed_in(client, READER)
        who = (await client.get("/session")).json()
        assert (who["name"], who["tenant"], who["scopes"]) == ("reader", "acme", ["query"])
        assert 43_190 < who["ends_in_s"] <= 43_200
        assert (await client.post("/v1/documents", files={"file": ("a.md", b"a")}, headers=token)).status_code == 403


async def test_an_unknown_key_begins_no_session(serve: Serve) -> None:
    async with serve(api_keys=KEYS) as client:
        response = await client.post("/session", json={"key": new_key()})
        assert (response.status_code, "Set-Cookie" in response.headers) == (403, False)
        assert (await client.get("/session")).json() == {"ways": ["key"], "scopes": []}
        assert (await client.post("/session", json={"key": ""})).status_code == 422


async def test_signing_out_takes_the_cookie_away_and_needs_the_token(serve: Serve) -> None:
    async with serve(api_keys=KEYS) as client:
        token = await signed_in(client)
        assert (await client.delete("/session")).status_code == 403
        assert (await client.delete("/session", headers=token)).status_code == 204
        assert not client.cookies
        assert (await client.get("/v1/documents")).status_code == 401
        assert (await client.delete("/session")).status_code == 204


async def cookie_of(serve: Serve, **settings: str) -> str:
    async with serve(**settings) as client:
        await signed_in(client)
        return f"ragspan_session={client.cookies['ragspan_session']}"


async def test_a_session_holds_on_every_replica_with_the_secret(serve: Serve) -> None:
    cookie = await cookie_of(serve, api_keys=KEYS, session_secret=SECRET)
    for settings, status in (
        ({"api_keys": KEYS, "session_secret": SECRET}, 200),
        ({"api_keys": KEYS, "session_secret": "t" * 32}, 401),
        ({"api_keys": KEYS}, 401),
        ({"api_keys": key_entry("alice", "acme", new_key()), "session_secret": SECRET}, 401),
    ):
        async with serve(**settings) as client:
            response = await client.get("/v1/documents", headers={"Cookie": cookie})
            assert response.status_code == status, settings
            assert status == 200 or "session is over" in response.json()["detail"]


async def test_what_was_changed_or_is_over_is_no_session(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    async with serve(api_keys=KEYS) as client:
        await signed_in(client)
        value = client.cookies["ragspan_session"]
        client.cookies.clear()
        content, mac = value.split(".")
        for wrong in (value[:-1], f"{content[:-2]}AA.{mac}", content, f".{mac}", ".", "\u00e9.x", "%", "A.A"):
            header = {b"Cookie": f"ragspan_session={wrong}".encode()}
            assert (await client.get("/v1/documents", headers=header)).status_code == 401, wrong
        later = time.time() + 12 * 3600
        monkeypatch.setattr(time, "time", lambda: later)
        headers = {"Cookie": f"ragspan_session={value}"}
        assert (await client.get("/v1/documents", headers=headers)).status_code == 401


async def test_a_key_in_a_header_counts_before_a_session_that_is_over(serve: Serve) -> None:
    async with serve(api_keys=KEYS) as client:
        headers = {"Cookie": "ragspan_session=over", "X-API-Key": KEY}
        assert (await client.get("/v1/documents", headers=headers)).status_code == 200


async def test_a_foreign_page_signs_nobody_in_or_out(serve: Serve) -> None:
    async with serve(api_keys=KEYS) as client:
        for method, body in (("POST", {"key": KEY}), ("DELETE", None)):
            response = await client.request(method, "/session", json=body, headers={"Sec-Fetch-Site": "cross-site"})
            assert (response.status_code, "Set-Cookie" in response.headers) == (403, False)


async def test_where_nobody_has_to_sign_in_everybody_may_do_everything(client: httpx.AsyncClient) -> None:
    assert (await client.get("/session")).json() == {"ways": [], "scopes": ["query", "ingest", "admin"]}
    assert (await client.post("/session", json={"key": KEY})).status_code == 409
