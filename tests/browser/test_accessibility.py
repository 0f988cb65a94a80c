"""axe finds nothing to hold against the page: light, dark and narrow, in every state that a person meets."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.accessibility import violations
from tests.browser.asking import answered, ask, citations, open_passage
from tests.browser.running import ScriptedModel

pytestmark = pytest.mark.needs("chromium")
QUESTION = "What does the restore drill compare?"
ANSWER = """The drill compares the *object counts* [1]:

### Steps

1. `ragspan restore drill`
   - in a **fresh** cluster [1]

| step | time |
|------|-----:|
| restore | 3 s |

```bash
ragspan restore drill --verify
```

> Spot nodes are given back. [2]
"""


@pytest.fixture(params=[("light", 1280), ("dark", 1280), ("light", 360), ("dark", 360)], ids=lambda p: f"{p[0]}-{p[1]}")
def shown(request: pytest.FixtureRequest, page: Page) -> Page:
    """A page in a colour scheme and width."""
    scheme, width = request.param
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 740})
    return page


def test_a_whole_conversation_has_no_violation(shown: Page, scripted_service: str, model: ScriptedModel) -> None:
    page = shown
    page.goto(scripted_service)
    expect(page.get_by_role("heading", name="Documents 2")).to_be_visible()
    assert violations(page) == [], "empty"
    model.writes(*ANSWER.splitlines(keepends=True))
    turn = answered(ask(page, QUESTION))
    turn.get_by_role("button", name="Helpful", exact=True).click()
    citations(turn).first.click()
    expect(open_passage(turn).locator("mark")).to_be_visible()
    turn.locator(".meta summary").click()
    assert violations(page) == [], "with an answer"
    model.writes("Half of it", finish_reason=None)
    expect(ask(page, "And then?").get_by_role("button", name="Ask again")).to_be_visible()
    page.get_by_role("heading", name="Documents").click()
    assert violations(page) == [], "with an answer that broke off, and documents open or folded"


def test_a_checker_that_ran_would_say_so(page: Page, service: str) -> None:
    page.goto(service)
    page.locator("#question").evaluate("node => { document.querySelector('label[for=question]').remove() }")
    page.locator("#question").evaluate("node => { node.placeholder = ''; node.style.color = '#aaa'; node.value = 'x' }")
    assert {rule for rule, *_ in violations(page)} >= {"label"}
