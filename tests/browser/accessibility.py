"""axe-core, the accessibility checker, run in the page."""

from importlib.resources import files
from typing import Any

from playwright.sync_api import Page

AXE = (files("axe_playwright_python") / "axe.min.js").read_text()
RUN = """async () => {
  const { violations } = await axe.run(document, { resultTypes: ["violations"] });
  return violations.map(({ id, help, nodes }) => [id, help, nodes.map((node) => node.html)]);
}"""


def violations(page: Page) -> list[Any]:
    """Return what axe holds against the page as it stands now: rule, its meaning, the elements."""
    page.evaluate(f"() => {{ {AXE} }}")
    return page.evaluate(RUN)
