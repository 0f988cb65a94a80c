"""Signing in on the page: a key becomes a session that no script and no other page can use."""

import json
import re
from collections.abc import Generator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from anyio.from_thread import start_blocking_portal
from playwright.sync_api import Page, expect

from app.security.api_keys import key_entry, new_key
from tests.browser.accessibility import violations
from tests.browser.asking import answered, ask
from tests.browser.conftest import REBOUND_NAME, Complaints
from tests.browser.foreign import SEND, foreign_page
from tests.browser.running import HANDBOOK, running_service
from tests.support.identity_provider import AUDIENCE, CLIENT, IdentityProvider

pytestmark = pytest.mark.needs("chromium")
QUESTION = "What does the restore drill compare?"
ALICE, READER, FEEDER = new_key(), new_key(), new_key()
KEYS = "\n".join(
    [
        key_entry("alice", "research", ALICE),
        key_entry("reader", "research", READER, scopes=["query"]),
        key_entry("feeder", "research", FEEDER, scopes=["ingest"]),
    ]
)


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Generator[str, None, None]:
    """Address of a service with keys and a document."""
    settings = {"RAGSPAN_API_KEYS": KEYS, "RAGSPAN_ALLOWED_HOSTS": f"127.0.0.1,localhost,{REBOUND_NAME}"}
    with running_service(tmp_path_factory.mktemp("guarded"), **settings) as address:
        file = {"file": ("restore.md", HANDBOOK["restore.md"].encode())}
        httpx.post(f"{address}/v1/documents", files=file, headers={"X-API-Key": ALICE}).raise_for_status()
        yield address


def sign_in(page: Page, key: str) -> None:
    field = page.get_by_role("dialog").get_by_role("textbox", name="API key")
    expect(field).to_be_focused()
    field.fill(key)
    field.press("Enter")


def session_cookie(page: Page) -> dict[str, Any]:
    (cookie,) = page.context.cookies()
    return dict(cookie)


def documents(address: str) -> list[str]:
    listed = httpx.get(f"{address}/v1/documents", headers={"X-API-Key": ALICE}).json()["documents"]
    return [document["title"] for document in listed]


def test_a_key_is_exchanged_for_a_session_and_kept_nowhere(page: Page, guarded: str) -> None:
    page.goto(guarded)
    sign_in(page, "wrong")
    expect(page.get_by_role("alert")).to_have_text("That API key is not known here.")
    sign_in(page, ALICE)
    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(page.get_by_text("alice · research")).to_be_visible()
    expect(page.get_by_role("textbox", name="Your question")).to_be_focused()
    expect(answered(ask(page, QUESTION)).locator(".answer")).to_contain_text("object counts")
    assert page.evaluate("() => [localStorage.length, sessionStorage.length, document.cookie]") == [0, 0, ""]
    cookie = session_cookie(page)
    assert (cookie["httpOnly"], cookie["sameSite"], cookie["path"]) == (True, "Strict", "/")
    assert ALICE not in cookie["value"] + page.content()
    page.reload()
    expect(page.get_by_text("alice · research")).to_be_visible()


def test_the_page_shows_what_the_key_may_do(page: Page, guarded: str) -> None:
    page.goto(guarded)
    sign_in(page, READER)
    expect(page.get_by_role("heading", name="Documents 1")).to_be_visible()
    expect(page.get_by_label("Add documents")).to_be_hidden()
    expect(page.get_by_role("button", name="Remove")).to_have_count(0)
    page.get_by_role("button", name="Sign out").click()
    sign_in(page, ALICE)
    expect(page.get_by_role("button", name="Remove Restoring a backup")).to_be_visible()
    page.get_by_role("button", name="Sign out").click()
    sign_in(page, FEEDER)
    expect(page.get_by_text("feeder · research")).to_be_visible()
    expect(page.get_by_text("Add documents")).to_be_visible()
    expect(page.get_by_role("textbox", name="Your question")).to_be_hidden()


def test_a_session_that_ended_asks_again_and_keeps_the_question(page: Page, guarded: str) -> None:
    page.goto(guarded)
    sign_in(page, ALICE)
    expect(page.get_by_role("dialog")).to_be_hidden()
    page.context.clear_cookies()
    turn = ask(page, QUESTION)
    expect(page.get_by_role("heading", name="You are signed out: sign in again")).to_be_visible()
    sign_in(page, ALICE)
    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(turn.get_by_text("You are signed out.")).to_be_visible()
    question = page.get_by_role("textbox", name="Your question")
    expect(question).to_be_focused()
    expect(question).to_have_value(QUESTION)
    page.keyboard.press("Enter")
    answered(page.get_by_role("article").last)


def test_who_signs_in_after_another_finds_nothing_of_theirs(page: Page, guarded: str) -> None:
    page.goto(guarded)
    sign_in(page, ALICE)
    expect(page.get_by_role("dialog")).to_be_hidden()
    answered(ask(page, QUESTION))
    page.context.clear_cookies()
    ask(page, "What else does alice want to know?")
    sign_in(page, READER)
    expect(page.get_by_text("reader · research")).to_be_visible()
    expect(page.get_by_role("article")).to_have_count(0)
    expect(page.get_by_role("textbox", name="Your question")).to_have_value("")
    with page.expect_request("**/v1/query") as sent:
        answered(ask(page, QUESTION))
    assert "messages" not in json.loads(sent.value.post_data or "")


def test_the_page_starts_anew_when_another_signs_in_in_another_window(page: Page, guarded: str) -> None:
    page.goto(guarded)
    sign_in(page, ALICE)
    answered(ask(page, QUESTION))
    other = page.context.new_page()
    other.goto(guarded)
    other.get_by_role("button", name="Sign out").click()
    sign_in(other, READER)
    expect(page.get_by_text("reader · research")).to_be_visible()
    expect(page.get_by_role("article")).to_have_count(0)


def test_a_sign_in_elsewhere_that_cannot_be_seen_to_is_said(page: Page, guarded: str, complaints: Complaints) -> None:
    complaints.foresee("net::ERR_FAILED")
    page.goto(guarded)
    expect(page.get_by_role("dialog")).to_be_visible()
    page.route("**/session", lambda route: route.abort())
    other = page.context.new_page()
    other.goto(guarded)
    sign_in(other, ALICE)
    expect(page.get_by_role("alert")).to_contain_text("The answer service cannot be reached.")


def test_signing_out_leaves_nothing_on_the_page(page: Page, guarded: str) -> None:
    page.goto(guarded)
    sign_in(page, ALICE)
    expect(page.get_by_role("dialog")).to_be_hidden()
    answered(ask(page, QUESTION))
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("dialog")).to_be_visible()
    expect(page.get_by_role("article")).to_have_count(0)
    expect(page.get_by_role("listitem")).to_have_count(0)
    assert page.context.cookies() == []


def test_the_dialog_may_be_left_and_opened_again(page: Page, guarded: str) -> None:
    page.goto(guarded)
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("button", name="Not now").click()
    expect(page.get_by_role("dialog")).to_be_hidden()


def test_over_http_from_elsewhere_no_session_is_kept_and_the_page_says_why(page: Page, guarded: str) -> None:
    page.goto(f"http://{REBOUND_NAME}:{urlsplit(guarded).port}")
    sign_in(page, ALICE)
    expect(page.get_by_role("alert")).to_have_text("Your browser did not keep the session: it does so over https only.")
    assert page.context.cookies() == []


@pytest.mark.parametrize("mode", ["no-cors", "cors"])
def test_another_page_of_the_same_site_cannot_use_the_session(
    page: Page, guarded: str, mode: str, complaints: Complaints
) -> None:
    page.goto(guarded)
    sign_in(page, ALICE)
    expect(page.get_by_text("alice · research")).to_be_visible()
    complaints.foresee("blocked by CORS policy", "net::ERR_FAILED")
    before = documents(guarded)
    statuses: list[int] = []
    with foreign_page("127.0.0.1") as foreign:
        page.goto(foreign)  # what the service's own page still asked for ends here
        page.on("response", lambda r: statuses.append(r.status) if r.url.startswith(guarded) else None)
        for method, path in (("POST", "v1/documents"), ("POST", "v1/query"), ("POST", "session")):
            sent = {"mode": mode, "credentials": "include"}
            assert page.evaluate(SEND, [f"{guarded}/{path}", method, sent]) in {"opaque", "TypeError"}
        form = f"{foreign}?{guarded}/v1/documents"
        page.goto(form)
        page.get_by_role("button", name="Win a prize").click()
        expect(page.get_by_text("A page of another origin may not use this service")).to_be_visible()
    assert set(statuses) == {403}
    assert documents(guarded) == before


@pytest.fixture(scope="module")
def idp() -> Generator[IdentityProvider, None, None]:
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(IdentityProvider()) as provider:
        yield provider


@pytest.fixture(scope="module")
def federated(tmp_path_factory: pytest.TempPathFactory, idp: IdentityProvider) -> Generator[str, None, None]:
    """Address of a service that people sign in to at the issuer, programs by keys."""
    issuer = {"RAGSPAN_OIDC_ISSUERS": idp.issuer, "RAGSPAN_OIDC_AUDIENCE": AUDIENCE, "RAGSPAN_OIDC_CLIENT_ID": CLIENT}
    with running_service(tmp_path_factory.mktemp("federated"), RAGSPAN_API_KEYS=KEYS, **issuer) as address:
        yield address


def at_issuer(page: Page) -> Page:
    """Choose to sign in at the issuer and return the window that this opens."""
    with page.expect_popup() as opened:
        page.get_by_role("button", name="Sign in with your organisation").click()
    return opened.value


def test_signing_in_at_an_issuer_keeps_the_page_as_it_is(page: Page, federated: str, idp: IdentityProvider) -> None:
    page.goto(federated)
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    page.get_by_role("textbox", name="Your question").fill(QUESTION)
    page.keyboard.press("Enter")
    window = at_issuer(page)
    expect(page.get_by_text("Alice Example · acme")).to_be_visible()
    expect(page.get_by_role("dialog")).to_be_hidden()
    if not window.is_closed():
        window.wait_for_event("close")
    expect(page.get_by_role("textbox", name="Your question")).to_have_value(QUESTION)
    page.keyboard.press("Enter")
    answered(page.get_by_role("article").last)
    assert {cookie.get("name") for cookie in page.context.cookies()} == {"ragspan_session"}
    assert page.evaluate("() => [localStorage.length, sessionStorage.length, document.cookie]") == [0, 0, ""]


def test_an_issuer_that_refuses_is_said_in_words(page: Page, federated: str, idp: IdentityProvider) -> None:
    page.goto(federated)
    idp.answer = {"code": "", "error": "access_denied"}
    window = at_issuer(page)
    expect(window.get_by_role("alert")).to_have_text("You were not let in, or left before the end.")
    expect(window).to_have_url(re.compile(r"^[^?]+$"))
    assert violations(window) == []
    idp.answer = {}
    expect(page.get_by_role("dialog")).to_be_visible()


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 360)])
def test_the_dialog_has_no_violation(page: Page, guarded: str, scheme: str, width: int) -> None:
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    page.set_viewport_size({"width": width, "height": 640})
    page.goto(guarded)
    sign_in(page, "wrong")
    expect(page.get_by_role("alert")).to_be_visible()
    assert violations(page) == []
    sign_in(page, ALICE)
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()
    assert violations(page) == []
    assert page.evaluate("() => document.documentElement.scrollWidth") == width


def test_a_key_that_is_withdrawn_takes_its_session_along(page: Page, tmp_path: Path) -> None:
    secret = {"RAGSPAN_SESSION_SECRET": "s" * 32}
    with running_service(tmp_path, RAGSPAN_API_KEYS=KEYS, **secret) as address:
        page.goto(address)
        sign_in(page, ALICE)
        expect(page.get_by_text("alice · research")).to_be_visible()
    others = key_entry("reader", "research", READER)
    with running_service(tmp_path, RAGSPAN_API_KEYS=others, **secret) as address:
        page.goto(address)  # cookies know no ports
        expect(page.get_by_role("dialog")).to_be_visible()
        cookie = session_cookie(page)
        header = {"Cookie": f"{cookie['name']}={cookie['value']}"}
        assert httpx.get(f"{address}/v1/documents", headers=header).status_code == 401
