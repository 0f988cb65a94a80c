"""Adding documents on the page: one can ask about them at once, and a file that cannot be read says why."""

from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.browser.accessibility import violations
from tests.browser.asking import answered, ask, citations, open_passage
from tests.browser.running import add_document, running_service, titles

pytestmark = pytest.mark.needs("chromium")
NOTES = "# Kitchen rules\n\nThe kettle is descaled every second Friday with citric acid.\n"
DROP = """(target, file) => {
  const data = new DataTransfer();
  data.items.add(new File([file.text], file.name));
  for (const type of ["dragover", "drop"]) {
    target.dispatchEvent(new DragEvent(type, { dataTransfer: data, bubbles: true, cancelable: true }));
  }
}"""


def add(page: Page, folder: Path, name: str, content: bytes) -> Locator:
    """Choose a file in the page's own control and return the row that tells how it went."""
    (folder / name).write_bytes(content)
    page.get_by_label("Add documents").set_input_files(folder / name)
    return page.get_by_role("list", name="Uploads").get_by_role("listitem").filter(has_text=name).first


def test_an_empty_index_says_what_to_do_and_the_first_document_can_be_asked_about(page: Page, tmp_path: Path) -> None:
    with running_service(tmp_path) as address:
        page.goto(address)
        expect(page.get_by_role("heading", name="Nothing to ask about yet")).to_be_visible()
        expect(page.get_by_role("button", name="Add a document", exact=True)).to_be_visible()
        expect(add(page, tmp_path, "kitchen.md", NOTES.encode())).to_contain_text("Added: 1 passage.")
        expect(page.get_by_role("status")).to_have_text("kitchen.md: Added: 1 passage.")
        expect(page.get_by_role("heading", name="Documents 1")).to_be_visible()
        turn = answered(ask(page, "How often is the kettle descaled?"))
        expect(turn.locator(".answer")).to_contain_text("every second Friday")


def test_a_long_list_is_read_on_at_the_press_of_a_button(page: Page, tmp_path: Path) -> None:
    page.route("**/v1/documents?*", lambda route: route.continue_(url=route.request.url.replace("=1000", "=2")))
    documents, more = page.get_by_role("list", name="Documents"), page.get_by_role("button", name="Show more documents")
    with running_service(tmp_path) as address:
        for name in ("ten", "two", "one", "six", "won"):
            add_document(address, f"{name}.txt", name)
        page.goto(address)
        expect(page.get_by_role("heading", name="Documents 2+")).to_be_visible()
        expect(page.get_by_text("There are more documents than these 2.", exact=True)).to_be_visible()
        assert violations(page) == []
        more.press("Enter")
        expect(page.get_by_role("status")).to_have_text("There are more documents than these 4.")
        expect(more).to_be_focused()
        more.press("Enter")
        expect(page.get_by_role("status")).to_have_text("All 5 documents are shown.")
        expect(page.get_by_role("heading", name="Documents 5", exact=True)).to_be_visible()
        expect(documents.get_by_role("listitem")).to_contain_text(["one", "six", "ten", "two", "won"])
        expect(documents).to_be_focused()
        expect(more).to_be_hidden()


def test_the_same_document_again_is_unchanged_and_a_new_version_replaces_it(
    page: Page, service: str, tmp_path: Path
) -> None:
    page.goto(service)
    expect(add(page, tmp_path, "rules.md", NOTES.encode())).to_contain_text("Added")
    expect(add(page, tmp_path, "rules.md", NOTES.encode())).to_contain_text("Already there, unchanged")
    expect(add(page, tmp_path, "rules.md", NOTES.replace("Friday", "Monday").encode())).to_contain_text("Updated")
    assert titles(service).count("Kitchen rules") == 1


def test_a_document_is_removed_once_that_is_confirmed(page: Page, tmp_path: Path) -> None:
    documents = page.get_by_role("list", name="Documents")
    with running_service(tmp_path) as address:
        for name in ("one", "two"):
            add_document(address, f"{name}.txt", name)
        page.goto(address)
        page.get_by_role("button", name="Remove two").click()
        assert violations(page) == []
        page.get_by_role("button", name="Keep it").press("Enter")
        expect(page.get_by_role("button", name="Remove two")).to_be_focused()
        page.get_by_role("button", name="Remove two").press("Enter")
        page.get_by_role("group", name="Remove two?").get_by_role("button", name="Remove it").click()
        expect(page.get_by_role("status")).to_have_text("two was removed.")
        expect(documents).to_be_focused()
        expect(documents.get_by_role("listitem")).to_contain_text(["one"])
        assert titles(address) == ["one"]


def test_a_document_that_cannot_be_removed_stays_and_says_why(page: Page, service: str) -> None:
    page.goto(service)
    page.route("**/v1/documents/*", lambda route: route.fulfill(status=503, json={"detail": "The index is away."}))
    page.get_by_role("button", name="Remove Spot capacity").click()
    page.get_by_role("button", name="Remove it").click()
    expect(page.get_by_role("group", name="Remove Spot capacity?")).to_contain_text("The index is away.")
    assert "Spot capacity" in titles(service)


def test_a_document_is_added_by_dropping_it_on_the_page(page: Page, service: str) -> None:
    page.goto(service)
    expect(page.get_by_role("listitem").filter(has_text="Spot capacity")).to_be_visible()
    page.locator("body").evaluate(DROP, {"name": "dropped.txt", "text": "Dropped words are found."})
    expect(page.get_by_role("list", name="Uploads")).to_contain_text("Added: 1 passage.")


def test_a_list_that_comes_late_does_not_replace_a_newer_one(page: Page, tmp_path: Path) -> None:
    held: list[Route] = []
    with running_service(tmp_path) as address:
        page.goto(address)
        expect(page.get_by_role("heading", name="Documents 0")).to_be_visible()
        page.route("**/v1/documents?*", lambda route: route.continue_() if held else held.append(route))
        for name in ("one.txt", "two.txt"):
            expect(add(page, tmp_path, name, name.encode())).to_contain_text("Added: 1 passage.")
        expect(page.get_by_role("heading", name="Documents 2")).to_be_visible()
        with page.expect_response("**/v1/documents?*"):
            held[0].fulfill(json={"documents": [], "next_cursor": None})
        page.evaluate("async () => (await fetch('healthz')).text()")
        expect(page.get_by_role("heading", name="Documents 2")).to_be_visible()


def test_an_answer_of_something_else_to_an_upload_is_said(page: Page, service: str, tmp_path: Path) -> None:
    page.goto(service)
    page.route("**/v1/documents", lambda route: route.fulfill(status=200, body="<h1>Sign in to the proxy</h1>"))
    row = add(page, tmp_path, "proxied.txt", b"never arrives")
    expect(row).to_contain_text("Something other than the service answered")
    expect(row.get_by_role("button", name="Send again")).to_be_visible()


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [("broken.pdf", b"%PDF-1.7 and no more", "broken"), ("photo.png", b"\x89PNG\r\n", "not a format that can be read")],
)
def test_a_file_that_cannot_be_read_says_so_and_leaves_nothing_behind(
    page: Page, service: str, tmp_path: Path, name: str, content: bytes, reason: str
) -> None:
    before = titles(service)
    page.goto(service)
    row = add(page, tmp_path, name, content)
    expect(row).to_have_class("failed")
    expect(row.get_by_role("paragraph")).to_contain_text(reason)
    assert titles(service) == before


def test_a_document_that_is_too_large_is_refused_in_words(page: Page, tmp_path: Path) -> None:
    with running_service(tmp_path, RAGSPAN_MAX_UPLOAD_BYTES="1000") as address:
        page.goto(address)
        expect(add(page, tmp_path, "long.txt", b"word " * 400)).to_contain_text("larger than")


def test_markup_in_a_document_is_shown_and_does_not_run(page: Page, service: str, tmp_path: Path) -> None:
    attack = "<img src=x onerror=\"document.title='run'\"><script>document.title='run'</script>"
    text = f"The zebra invoice is paid in March. {attack}"
    page.goto(service)
    expect(add(page, tmp_path, "<img src=x onerror=alert(1)>.txt", text.encode())).to_contain_text("Added")
    turn = answered(ask(page, "When is the zebra invoice paid?"))
    citations(turn).first.click()
    expect(open_passage(turn)).to_have_text(text)
    expect(page.locator("img, script").filter(visible=True)).to_have_count(1)
    expect(page).to_have_title("ragspan · Ask your documents")
