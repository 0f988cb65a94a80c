"""What a page of another origin can do to the service through its visitor's browser: nothing."""

from collections.abc import Generator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import REBOUND_NAME, Complaints
from tests.browser.foreign import SEND, foreign_page
from tests.browser.running import titles

pytestmark = pytest.mark.needs("chromium")
NOT_FOR_FOREIGNERS = ("blocked by CORS policy", "net::ERR_FAILED")
"""What the browser says of a response that it keeps from a page of another origin."""


@pytest.fixture(scope="module", params=["127.0.0.1", "localhost"])
def foreign(request: pytest.FixtureRequest) -> Generator[str, None, None]:
    with foreign_page(request.param) as address:
        yield address


@pytest.mark.parametrize(
    ("method", "path"), [("POST", "v1/query"), ("POST", "v1/documents"), ("DELETE", "v1/documents/x")]
)
@pytest.mark.parametrize("mode", ["no-cors", "cors"])
def test_a_foreign_page_changes_nothing_and_reads_nothing(
    page: Page, service: str, foreign: str, method: str, path: str, mode: str, complaints: Complaints
) -> None:
    complaints.foresee(*NOT_FOR_FOREIGNERS)
    before = titles(service)
    statuses: list[int] = []
    page.on("response", lambda response: statuses.append(response.status) if path in response.url else None)
    page.goto(foreign)
    result = page.evaluate(SEND, [f"{service}/{path}", method, {"mode": mode}])
    assert result in {"opaque", "TypeError"}
    assert set(statuses) <= {403, 405}, "refused, or stopped by the browser's own preflight"
    assert titles(service) == before


@pytest.mark.parametrize("path", ["", "v1/documents"])
def test_a_foreign_page_cannot_read_what_is_there(
    page: Page, service: str, foreign: str, path: str, complaints: Complaints
) -> None:
    complaints.foresee(*NOT_FOR_FOREIGNERS)
    page.goto(foreign)
    with page.expect_console_message(lambda message: "blocked by CORS policy" in message.text):
        assert page.evaluate(SEND, [f"{service}/{path}", "GET", {"mode": "cors"}]) == "TypeError"


def test_a_form_on_a_foreign_page_plants_no_document(page: Page, service: str, foreign: str, tmp_path: Path) -> None:
    (tmp_path / "planted.txt").write_text("planted")
    page.goto(f"{foreign}?{service}/v1/documents")
    page.locator("input").set_input_files(tmp_path / "planted.txt")
    with page.expect_navigation() as navigation:
        page.get_by_role("button", name="Win a prize").click()
    assert navigation.value
    assert navigation.value.status == 403
    expect(page.get_by_text("A page of another origin may not use this service")).to_be_visible()
    assert not any("planted" in title for title in titles(service))


def test_a_foreign_page_cannot_frame_the_page(page: Page, service: str, foreign: str, complaints: Complaints) -> None:
    complaints.foresee("frame-ancestors")
    page.goto(foreign)
    frame = "address => document.body.append(Object.assign(document.createElement('iframe'), { src: address }))"
    with page.expect_console_message(lambda message: "frame-ancestors" in message.text):
        page.evaluate(frame, f"{service}/")


def test_a_name_rebound_to_this_machine_is_turned_away(page: Page, service: str) -> None:
    rebound = f"http://{REBOUND_NAME}:{urlsplit(service).port}"
    response = page.goto(rebound)
    assert response
    assert response.status == 421
    for method, path in (("GET", "v1/documents"), ("POST", "v1/documents"), ("POST", "v1/query")):
        assert "does not answer for the name" in page.evaluate(SEND, [f"{rebound}/{path}", method, {}])


def test_the_page_itself_may_do_what_the_foreign_one_may_not(page: Page, service: str) -> None:
    page.goto(service)
    assert '"status":"created"' in page.evaluate(SEND, [f"{service}/v1/documents", "POST", {}])
    document = next(d for d in httpx.get(f"{service}/v1/documents").json()["documents"] if "planted" in d["source_uri"])
    page.evaluate(SEND, [f"{service}/v1/documents/{document['doc_id']}", "DELETE", {}])
    assert not any("planted" in title for title in titles(service))
