"""Asking on the page: answers stream, passages open, and whatever goes wrong is said in words."""

import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.asking import answered, ask, citations, open_passage
from tests.browser.conftest import Complaints
from tests.browser.running import HANDBOOK, ScriptedModel, add_document, answered_by, running_service

pytestmark = pytest.mark.needs("chromium")
QUESTION = "What does the restore drill compare?"


def test_an_answer_quotes_the_document_and_a_click_on_its_citation_opens_the_passage(page: Page, service: str) -> None:
    page.goto(service)
    turn = answered(ask(page, QUESTION))
    expect(turn.locator(".answer")).to_contain_text("compares the object counts")
    citations(turn).first.click()
    expect(open_passage(turn)).to_contain_text("A restore goes into a fresh cluster")
    summary = re.compile(r"^1Restoring a backup\s*score\s[01]\.\d\d$")
    expect(turn.locator("details[open] summary")).to_contain_text(summary)
    expect(citations(turn).first).to_have_attribute("aria-expanded", "true")
    turn.get_by_role("button", name="Back to the answer").click()
    expect(citations(turn).first).to_be_focused()


def test_a_question_is_asked_and_its_passage_read_by_keyboard_alone(page: Page, service: str) -> None:
    page.goto(service)
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the question")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.type(QUESTION)
    page.keyboard.press("Enter")
    turn = answered(page.get_by_role("article"))
    for _ in range(20):
        page.keyboard.press("Shift+Tab")
        if citations(turn).first.evaluate("node => node === document.activeElement"):
            break
    page.keyboard.press("Enter")
    expect(open_passage(turn)).to_contain_text("A restore goes into a fresh cluster")
    expect(open_passage(turn)).to_be_focused()
    page.keyboard.press("Escape")
    expect(citations(turn).first).to_be_focused()


def test_shift_enter_starts_a_new_line_and_an_empty_question_is_not_sent(page: Page, service: str) -> None:
    page.goto(service)
    question = page.get_by_role("textbox", name="Your question")
    question.press("Enter")
    question.press("Shift+Enter")
    question.press_sequentially("two lines")
    expect(question).to_have_value("\ntwo lines")
    expect(page.get_by_role("article")).to_have_count(0)


def test_an_answer_shows_its_model_and_the_time_of_each_stage(page: Page, service: str) -> None:
    page.goto(service)
    meta = answered(ask(page, QUESTION)).locator(".meta")
    expect(meta.locator("summary")).to_contain_text("extractive")
    meta.locator("summary").click()
    expect(meta.locator("dt").filter(has_text="search")).to_be_visible()
    expect(page.get_by_role("status")).to_contain_text("Answer: ")


def test_an_answer_that_was_given_before_says_so(page: Page, tmp_path: Path) -> None:
    with running_service(tmp_path, RAGSPAN_CACHE="memory") as address:
        add_document(address, "restore.md", HANDBOOK["restore.md"])
        page.goto(address)
        expect(answered(ask(page, QUESTION)).locator(".meta summary")).not_to_contain_text("answered before")
        page.get_by_role("button", name="New conversation").click()
        expect(answered(ask(page, QUESTION)).locator(".meta summary")).to_contain_text("· answered before")


def test_earlier_turns_go_along_with_a_question(page: Page, scripted_service: str, model: ScriptedModel) -> None:
    model.writes("Object counts. [", "1", "]\n", "\nAnd no more.")
    page.goto(scripted_service)
    first = answered(ask(page, QUESTION))
    expect(first.locator(".answer p")).to_have_count(2)
    expect(citations(first)).to_have_count(1)
    with page.expect_request("**/v1/query") as sent:
        answered(ask(page, "And then?"))
    assert json.loads(sent.value.post_data or "")["messages"] == [
        {"role": "user", "content": QUESTION},
        {"role": "assistant", "content": "Object counts. [1]\n\nAnd no more."},
    ]
    page.get_by_role("button", name="New conversation").click()
    expect(page.get_by_role("article")).to_have_count(0)


def test_a_new_conversation_during_an_answer_is_empty(page: Page, service: str) -> None:
    page.goto(service)
    page.route("**/v1/query", lambda _unanswered: None)
    ask(page, QUESTION)
    page.get_by_role("button", name="New conversation").click()
    expect(page.get_by_role("button", name="Stop")).to_be_hidden()
    expect(page.get_by_role("article")).to_have_count(0)
    expect(page.get_by_role("textbox", name="Your question")).to_have_value("")
    expect(page.get_by_role("status")).to_have_text("")


def test_stop_ends_the_answer_and_the_work_behind_it(page: Page, scripted_service: str, model: ScriptedModel) -> None:
    model.writes("The first words", "never sent", stall_after=1)
    page.goto(scripted_service)
    turn = ask(page, QUESTION)
    expect(turn.locator(".answer")).to_have_text("The first words")
    page.get_by_role("button", name="Stop").click()
    expect(turn.get_by_text("The answer is cut off here. You stopped it.")).to_be_visible()
    expect(page.get_by_role("button", name="Stop")).to_be_hidden()
    expect(page.get_by_role("textbox", name="Your question")).to_be_focused()
    model.wait_until_client_leaves()


def test_an_answer_that_breaks_off_is_kept_and_marked(page: Page, scripted_service: str, model: ScriptedModel) -> None:
    model.writes("Half of the", " answer", finish_reason=None)
    page.goto(scripted_service)
    turn = ask(page, QUESTION)
    expect(turn.get_by_text("The answer is cut off here. The answer generator answered with an error")).to_be_visible()
    expect(turn.locator(".answer")).to_have_text("Half of the answer")


def test_an_answer_at_its_length_limit_says_so(page: Page, scripted_service: str, model: ScriptedModel) -> None:
    model.writes("A long story", finish_reason="length")
    page.goto(scripted_service)
    turn = answered(ask(page, QUESTION))
    expect(turn.get_by_text("The answer stopped at its length limit")).to_be_visible()


def test_what_is_unsupported_or_removed_is_said(page: Page, scripted_service: str, model: ScriptedModel) -> None:
    model.writes("Seventeen cats live on the moon. [1] See https://attacker.example/cats for more.")
    page.goto(scripted_service)
    turn = answered(ask(page, QUESTION))
    expect(turn.get_by_text("The passages do not clearly support 2 of 2 statements")).to_be_visible()
    expect(turn.get_by_text("Removed from the answer: 1 link.")).to_be_visible()


def test_a_withheld_answer_says_so(page: Page, model: ScriptedModel, tmp_path: Path) -> None:
    model.writes("Seventeen cats live on the moon. [1]")
    with running_service(tmp_path, **answered_by(model.server.url), RAGSPAN_QUALITY_MODE="hold") as address:
        add_document(address, "restore.md", HANDBOOK["restore.md"])
        page.goto(address)
        turn = answered(ask(page, QUESTION))
        expect(turn.get_by_text("What the model wrote was withheld")).to_be_visible()
        expect(turn.locator(".answer")).not_to_contain_text("cats")


def test_markup_in_an_answer_is_shown_and_does_not_run(page: Page, scripted_service: str, model: ScriptedModel) -> None:
    attack = (
        "<img src=x onerror=\"document.title='run'\"><script>document.title='run'</script> [1](javascript:alert(1))"
    )
    model.writes(attack[:30], attack[30:])
    page.goto(scripted_service)
    turn = answered(ask(page, "<b>bold</b>?"))
    shown = attack.replace("[1](javascript:alert(1))", "1(javascript[link removed]))")
    expect(turn.locator(".answer")).to_have_text(shown)
    expect(turn.locator(".answer :not(p, span, button)")).to_have_count(0)
    expect(turn.get_by_role("heading", level=2)).to_have_text("<b>bold</b>?")
    expect(page).to_have_title("ragspan · Ask your documents")


def test_a_question_that_is_too_long_is_refused_in_words_and_kept(page: Page, service: str) -> None:
    page.goto(service)
    question = page.get_by_role("textbox", name="Your question")
    question.fill("why " * 2000)
    page.get_by_role("button", name="Ask", exact=True).click()
    expect(page.get_by_role("article").get_by_text("at most 4000 are allowed")).to_be_visible()
    expect(question).not_to_have_value("")


def test_a_service_that_is_gone_is_named(page: Page, tmp_path: Path, complaints: Complaints) -> None:
    complaints.foresee("ERR_CONNECTION_REFUSED")
    with running_service(tmp_path) as address:
        add_document(address, "restore.md", HANDBOOK["restore.md"])
        page.goto(address)
        expect(page.get_by_role("listitem").filter(has_text="Restoring a backup")).to_be_visible()
    turn = ask(page, QUESTION)
    expect(turn.get_by_text("The answer service cannot be reached")).to_be_visible()
