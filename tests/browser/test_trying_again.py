"""What failed for a moment can be tried again on the page, not before the service asks for it."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Page, Request, Route, expect

from tests.browser.asking import answered, ask
from tests.browser.running import HANDBOOK, ScriptedModel, add_document, answered_by, running_service

pytestmark = pytest.mark.needs("chromium")
QUESTION = "What does the restore drill compare?"


def test_a_full_service_says_when_to_ask_again_and_then_answers(
    page: Page, model: ScriptedModel, tmp_path: Path
) -> None:
    settings = {"RAGSPAN_MAX_ACTIVE_QUERIES": "1", "RAGSPAN_MAX_WAITING_QUERIES": "0"}
    model.writes("First words", " and the last.", stall_after=1)
    with running_service(tmp_path, **answered_by(model.server.url), **settings) as address:
        add_document(address, "restore.md", HANDBOOK["restore.md"])
        other = page.context.new_page()
        other.goto(address)
        expect(ask(other, QUESTION).locator(".answer")).to_have_text("First words")
        page.clock.install()
        page.goto(address)
        page.clock.pause_at(datetime.now() + timedelta(minutes=1))
        turn = ask(page, QUESTION)
        expect(turn.get_by_text("The service answers as many questions as it can")).to_be_visible()
        expect(again := turn.get_by_role("button", name="Ask again")).to_have_attribute("aria-disabled", "true")
        expect(turn.get_by_text("The service asks to wait 1 second.")).to_be_visible()
        model.resume()
        answered(other.get_by_role("article"))
        page.clock.run_for(1000)
        expect(again).not_to_have_attribute("aria-disabled", "true")
        expect(page.get_by_role("status")).to_have_text("You can try again now.")
        again.press("Enter")
        expect(answered(page.get_by_role("article")).locator(".answer")).to_have_text("First words and the last.")
        expect(page.get_by_role("textbox", name="Your question")).to_have_value("")


def test_a_dependency_that_is_away_has_its_own_time(page: Page, tmp_path: Path) -> None:
    with running_service(tmp_path, **answered_by("http://127.0.0.1:9")) as address:
        add_document(address, "restore.md", HANDBOOK["restore.md"])
        page.goto(address)
        expect(page.get_by_text("The service works without the answer generator for now")).to_be_visible()
        turn = ask(page, QUESTION)
        expect(turn.get_by_text("The answer generator is unavailable")).to_be_visible()
        expect(turn.get_by_role("button", name="Ask again")).to_be_visible()


def test_a_document_that_did_not_arrive_is_sent_again(page: Page, service: str, tmp_path: Path) -> None:
    (tmp_path / "again.md").write_text("# Again\n\nPatience is a virtue.\n")
    page.goto(service)
    refused: list[Request] = []

    def refuse_the_first_upload(route: Route) -> None:
        if route.request.method != "POST" or refused:
            route.fallback()
            return
        refused.append(route.request)
        route.fulfill(status=429, headers={"Retry-After": "1"})

    page.route("**/v1/documents", refuse_the_first_upload)
    page.get_by_label("Add documents").set_input_files(tmp_path / "again.md")
    row = page.get_by_role("list", name="Uploads").get_by_role("listitem")
    again = row.get_by_role("button", name="Send again")
    expect(row.get_by_text("The service has too much to do just now.")).to_be_visible()
    expect(again).not_to_have_attribute("aria-disabled", "true")
    again.click()
    expect(row).to_contain_text("Added: 1 passage.")


@pytest.mark.parametrize("status", [413, 422])
def test_what_would_fail_again_is_not_offered_again(page: Page, service: str, status: int) -> None:
    page.goto(service)
    page.route("**/v1/query", lambda route: route.fulfill(status=status))
    turn = ask(page, QUESTION)
    expect(turn.locator(".notice.error")).to_be_visible()
    expect(turn.get_by_role("button", name="Ask again")).to_have_count(0)
