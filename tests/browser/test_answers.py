"""What a person does with an answer: read its Markdown, see the cited words, rate it, copy it."""

import json
import re

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.asking import answered, ask, citations, open_passage
from tests.browser.running import ScriptedModel, add_document

pytestmark = pytest.mark.needs("chromium")
QUESTION = "What does the restore drill compare?"
MARKDOWN = """# In short
The drill *compares* the **object counts**
before it switches. [1]

1. First `restore_all()` runs
   - then a check [2]
   - and an _end_
2. Then snake_case_names stay

| step | time |
|:--|--:|
| a \\| b | 3 s [1] |

```python
if a < b: print("**[1]**")
```
> Said ~~once~~ twice.

---
![pixel](nowhere) 2 * 3 * 4
"""
SHOWN = (
    "<h3>In short</h3>"
    "<p>The drill <em>compares</em> the <strong>object counts</strong>\nbefore it switches. <button>1</button></p>"
    '<ol start="1"><li>First <code>restore_all()</code> runs'
    "<ul><li>then a check <button>2</button></li><li>and an <em>end</em></li></ul></li>"
    "<li>Then snake_case_names stay</li></ol>"
    "<div><table><thead><tr><th>step</th><th>time</th></tr></thead>"
    "<tbody><tr><td>a | b</td><td>3 s <button>1</button></td></tr></tbody></table></div>"
    '<pre><code>if a &lt; b: print("**[1]**")</code></pre>'
    "<blockquote><p>Said <s>once</s> twice.</p></blockquote>"
    "<hr>"
    "<p>pixel 2 * 3 * 4</p>"
)


def structure(turn: Locator) -> str:
    """The answer's elements without what they look like and are called."""
    html = turn.locator(".answer").inner_html()
    bare = re.sub(r' (?:class|dir|tabindex|role|type|value|aria-\w+)="[^"]*"', "", html)
    return re.sub(r"</?span>", "", bare)


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_markdown_becomes_elements_however_it_streams(
    page: Page, scripted_service: str, model: ScriptedModel, size: int
) -> None:
    model.writes(*(MARKDOWN[at : at + size] for at in range(0, len(MARKDOWN), size)))
    page.goto(scripted_service)
    assert structure(answered(ask(page, QUESTION))) == SHOWN


def test_an_answer_does_not_show_its_marks_while_it_is_written(
    page: Page, scripted_service: str, model: ScriptedModel
) -> None:
    model.writes("It is **very", " imp", "never sent", stall_after=2)
    page.goto(scripted_service)
    answer = ask(page, QUESTION).locator(".answer")
    expect(answer.locator("strong")).to_have_text("very imp")
    page.get_by_role("button", name="Stop").click()
    expect(answer).to_have_text("It is **very imp")


def test_a_focused_citation_keeps_the_focus_while_the_answer_goes_on(
    page: Page, scripted_service: str, model: ScriptedModel
) -> None:
    model.writes("Counts [1] are", " compared", stall_after=1)
    page.goto(scripted_service)
    turn = ask(page, QUESTION)
    citations(turn).first.focus()
    model.resume()
    expect(answered(turn).locator(".answer")).to_have_text("Counts 1 are compared")
    expect(citations(turn).first).to_be_focused()


def test_links_are_of_the_web_only_and_say_where_they_lead(
    page: Page, scripted_service: str, model: ScriptedModel
) -> None:
    model.writes("See [the handbook](https://wiki.example/a?b=c) or mail [us](mailto:a@wiki.example).")
    page.route("https://wiki.example/**", lambda route: route.abort())
    page.goto(scripted_service)
    turn = answered(ask(page, QUESTION))
    link = turn.get_by_role("link")
    expect(link).to_have_count(1)
    expect(link).to_have_attribute("href", "https://wiki.example/a?b=c")
    expect(link).to_have_attribute("rel", "noopener noreferrer")
    expect(turn.locator(".answer")).to_contain_text("the handbook (wiki.example) or mail")


def test_a_citation_opens_the_passage_with_the_cited_words_marked_and_in_view(
    page: Page, scripted_service: str, model: ScriptedModel
) -> None:
    steps = "".join(f"Step {n} of the inventory counts shelf {n}. " for n in range(1, 30))
    add_document(scripted_service, "shelves.md", f"# The inventory\n\n{steps}Its last step shuts the gate.\n")
    model.writes("The inventory's step 1 counts shelf 1 [1]. Its last step is to shut the gate [1].")
    page.goto(scripted_service)
    turn = answered(ask(page, "What are the steps of the inventory?"))
    mark = open_passage(turn).locator("mark")
    citations(turn).nth(1).click()
    expect(mark).to_have_text("Its last step shuts the gate.")
    expect(mark).to_be_in_viewport(ratio=0.9)
    expect(page.get_by_role("status")).to_have_text("Cited: Its last step shuts the gate.")
    citations(turn).nth(0).click()
    expect(mark).to_have_text("Step 1 of the inventory counts shelf 1.")
    expect(mark).to_be_in_viewport(ratio=0.9)
    page.keyboard.press("Escape")
    expect(citations(turn).nth(0)).to_be_focused()


def test_a_passage_opened_by_itself_marks_all_that_is_cited(
    page: Page, scripted_service: str, model: ScriptedModel
) -> None:
    model.writes("A restore needs a fresh cluster [1]. Object counts are compared before the alias switches [1].")
    page.goto(scripted_service)
    turn = answered(ask(page, QUESTION))
    turn.locator("details.cited summary").first.click()
    expect(open_passage(turn).locator("mark")).to_have_count(2)


def test_an_answer_is_rated_rated_anew_and_the_rating_taken_back(page: Page, service: str) -> None:
    page.goto(service)
    turn = answered(ask(page, QUESTION))
    helpful = turn.get_by_role("button", name="Helpful", exact=True)
    unhelpful = turn.get_by_role("button", name="Not helpful")
    ids: set[str] = set()
    for button, rating, pressed in (
        (helpful, "up", [True, False]),
        (unhelpful, "down", [False, True]),
        (unhelpful, "none", [False, False]),
    ):
        with page.expect_response("**/v1/feedback") as taken:
            button.click()
        assert taken.value.status == 204
        sent = json.loads(taken.value.request.post_data or "")
        assert sent["rating"] == rating
        ids.add(sent["answer_id"])
        for control, is_pressed in zip((helpful, unhelpful), pressed, strict=True):
            expect(control).to_have_attribute("aria-pressed", str(is_pressed).lower())
    expect(page.get_by_role("status")).to_have_text("Rating taken back.")
    assert len(ids) == 1


def test_a_rating_that_does_not_arrive_is_said_and_not_shown_as_given(page: Page, service: str) -> None:
    page.goto(service)
    turn = answered(ask(page, QUESTION))
    page.route("**/v1/feedback", lambda route: route.fulfill(status=503))
    button = turn.get_by_role("button", name="Helpful", exact=True)
    button.click()
    expect(turn.get_by_text("The rating was not taken. The service is not ready")).to_be_visible()
    expect(button).to_have_attribute("aria-pressed", "false")


def test_an_answer_is_copied_with_the_titles_of_its_sources(page: Page, service: str) -> None:
    page.goto(service)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=service)
    turn = answered(ask(page, QUESTION))
    turn.get_by_role("button", name="Copy").click()
    expect(turn.get_by_text("Copied")).to_be_visible()
    copied = page.evaluate("() => navigator.clipboard.readText()")
    assert copied.endswith("before it switches the alias. [1]\n\n[1] Restoring a backup")


def test_a_browser_that_refuses_to_copy_is_named(page: Page, service: str) -> None:
    page.add_init_script(
        "navigator.clipboard.writeText = () => Promise.reject(new DOMException('', 'NotAllowedError'))"
    )
    page.goto(service)
    turn = answered(ask(page, QUESTION))
    turn.get_by_role("button", name="Copy").click()
    expect(turn.get_by_text("Your browser did not let the page copy")).to_be_visible()
