"""What a person does on the page, by the names that a screen reader would read out."""

import re

from playwright.sync_api import Locator, Page, expect

CITATION = re.compile(r"^Source \d+: ")


def ask(page: Page, question: str) -> Locator:
    """Type the question, send it by Enter, and return its turn of the conversation."""
    box = page.get_by_role("textbox", name="Your question")
    box.fill(question)
    box.press("Enter")
    return page.get_by_role("article", name=f"Question: {question}")


def answered(turn: Locator) -> Locator:
    """Wait until the answer is complete and return the turn."""
    expect(turn.locator(".meta")).to_be_visible()
    return turn


def citations(turn: Locator) -> Locator:
    return turn.get_by_role("button", name=CITATION)


def open_passage(turn: Locator) -> Locator:
    """Return the passage that is open."""
    return turn.locator("details[open]").get_by_role("blockquote")
