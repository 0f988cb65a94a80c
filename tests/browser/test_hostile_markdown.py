"""Whatever a model writes, however it is split: the page makes of it no element and no attribute beside a few."""

import random
import re
from typing import Any

import pytest
from playwright.sync_api import Page

pytestmark = pytest.mark.needs("chromium")
RENDER = """async (pieces) => {
  const address = document.querySelector("script").src.replace("page.js", "markdown.js");
  const { MarkdownStream } = await import(address);
  const node = document.createElement("div");
  const cite = (number) => (number < 3 ? Object.assign(document.createElement("button"), { value: number }) : null);
  const stream = new MarkdownStream(node, cite);
  for (const piece of pieces) stream.write(piece);
  stream.write("", true);
  const found = [...node.querySelectorAll("*")];
  return found.map(({ localName, attributes }) => [localName, [...attributes].map(({ name, value }) => [name, value])]);
}"""
ELEMENTS = re.findall(
    r"\w+", "a blockquote button code div em h3 hr li ol p pre s span strong table tbody td th thead tr ul"
)
ATTRIBUTES = ("aria-label", "class", "dir", "href", "rel", "role", "start", "tabindex", "target", "type", "value")
LINE_MARKS = ("\n", "\n\n", "- ", "1. ", "> ", "# ", "| a | b |\n", "|---|---|\n", " ", "  ", "word ")
MIXTURE = (*LINE_MARKS, *re.findall(r"\S+", r"* ** _ ` ``` [1] [x] ~~ <b> \| é🦓 (https://a.example)"))
ATTACKS = (
    "<script>alert(1)</script><img src=x onerror=alert(1)><svg/onload=alert(1)>",
    "[a](javascript:alert(1)) [b](data:text/html,x) [c](JaVaScRiPt:x) [d](//evil.example) [e](\thttps:x)",
    "![a](https://evil.example/x.png) ![](x) [![a](https://evil.example/p)](https://evil.example/q)",
    '[a](https://evil.example/" onclick="alert(1)) [b](https://evil.example/\'><b>)',
    "<https://evil.example> <javascript:alert(1)> https://evil.example/<img src=x>",
    "| <img src=x> | b |\n|---|---|\n| `<b>` | [1](javascript:x) |\n",
    "```html onload=x\n<script>\n```\n~~~\n<iframe src=x>\n",
    "> > <b>\n> - <i>\n>   1. <u>\n",
    "**<b>** *<i>* ~~<s>~~ `<code>` __proto__ constructor [999] [0] [1][2][3]",
    "1. a\n\n   ```\n   x\n- b\n\t- c\n99999999999999. d\n",
    "[a](https://[) [b](https://%) https://[ http://\n# <h1>\n## ##\n#\n---\n***",
)


def rendered(page: Page, text: str, size: int) -> list[Any]:
    return page.evaluate(RENDER, [text[at : at + size] for at in range(0, len(text), size)])


def check(elements: list[Any]) -> None:
    for name, attributes in elements:
        assert name in ELEMENTS
        for attribute, value in attributes:
            assert attribute in ATTRIBUTES, (name, attribute)
            assert attribute != "href" or value.startswith(("https://", "http://")), value


def test_attacks_become_text(page: Page, service: str) -> None:
    page.goto(service)
    for attack in ATTACKS:
        whole = rendered(page, attack, 10_000)
        check(whole)
        assert rendered(page, attack, 1) == whole, attack


def test_any_mixture_of_marks_is_the_same_however_it_is_split(page: Page, service: str) -> None:
    page.goto(service)
    chance = random.Random(20)
    for _ in range(60):
        text = "".join(chance.choices(MIXTURE, k=40))
        whole = rendered(page, text, 10_000)
        check(whole)
        assert rendered(page, text, chance.randint(1, 9)) == whole, text


def test_a_long_answer_of_unclosed_marks_is_drawn_in_time(page: Page, service: str) -> None:
    """Quadratic work would take minutes; the test's own time limit ends it."""
    page.goto(service)
    for mark in ("_a ", "**a ", "`a", "[a](", "- a\n", "| a ", "![", "> > "):
        check(rendered(page, mark * (8000 // len(mark)), 200))
