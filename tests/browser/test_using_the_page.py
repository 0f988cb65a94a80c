"""The page for everyone: a narrow window, names for a screen reader, an API key, and no complaint of the browser."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.asking import answered, ask, citations, open_passage
from tests.browser.conftest import Complaints
from tests.browser.running import answered_by, running_service

pytestmark = pytest.mark.needs("chromium")
QUESTION = "What does the restore drill compare?"
OVERFLOW = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"


@pytest.mark.parametrize("width", [320, 360])
def test_a_narrow_window_needs_no_sideways_scrolling_and_reaches_every_control(
    page: Page, service: str, width: int
) -> None:
    page.set_viewport_size({"width": width, "height": 640})
    page.goto(service)
    turn = answered(ask(page, f"{QUESTION} {'x' * 80}"))
    citations(turn).first.click()
    expect(open_passage(turn)).to_be_in_viewport()
    page.get_by_role("heading", name="Documents").click()
    for control in page.locator("button, textarea, summary, label.button").filter(visible=True).all():
        control.scroll_into_view_if_needed()
        box = control.bounding_box()
        assert box, control
        assert box["x"] >= 0, control
        assert box["x"] + box["width"] <= width, control
        assert box["height"] >= 24, control
    assert page.evaluate(OVERFLOW) == 0


def test_the_page_has_landmarks_headings_and_named_controls(page: Page, service: str) -> None:
    page.goto(service)
    expect(page.locator("html")).to_have_attribute("lang", "en")
    expect(page.get_by_role("heading", level=1)).to_have_text("ragspan")
    for role in ("banner", "main", "complementary"):
        expect(page.get_by_role(role)).to_have_count(1)
    turn = answered(ask(page, QUESTION))
    expect(turn.get_by_role("group", name="Sources")).to_be_visible()
    snapshot = page.locator("body").aria_snapshot()
    assert not re.search(r"- (button|textbox|link|list|region|article)( \[|:|$)", snapshot, re.MULTILINE), snapshot


def test_normal_use_breaks_no_policy_and_logs_nothing(page: Page, service: str) -> None:
    messages: list[str] = []
    page.on("console", lambda message: messages.append(message.text))
    with page.expect_response(service + "/") as response:
        page.goto(service)
    assert "script-src 'self'" in response.value.headers["content-security-policy"]
    citations(answered(ask(page, QUESTION))).first.click()
    assert messages == []


def test_the_policy_refuses_markup_from_a_script_of_the_page(page: Page, service: str, complaints: Complaints) -> None:
    complaints.foresee("TrustedHTML")
    page.goto(service)
    with page.expect_event("pageerror", lambda error: "TrustedHTML" in str(error)):
        page.evaluate("() => setTimeout(() => { document.body.innerHTML = '<b>x</b>' })")
    expect(page.get_by_role("heading", level=1)).to_be_visible()


def test_a_lost_part_of_the_service_is_named(page: Page, tmp_path: Path) -> None:
    with running_service(tmp_path, **answered_by("http://127.0.0.1:9")) as address:
        page.goto(address)
        expect(page.get_by_text("The service works without the answer generator for now")).to_be_visible()
