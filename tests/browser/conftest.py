"""One browser, one service and one service with a scripted model for each module; a fresh page for each test.

The browser ends with its module: Playwright keeps an event loop in this thread, beside which no other can run.
"""

from collections.abc import Generator
from dataclasses import dataclass, field

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright

from tests.browser.running import HANDBOOK, ScriptedModel, add_document, answered_by, running_service, scripted_model
from tests.support.parts import executable

CHROMIUM_OPTIONS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
REBOUND_NAME = "rebound.example"
"""A foreign name that resolves to this machine, as a page that rebinds its DNS name would have it."""
REFUSED_STATUS = "Failed to load resource: the server responded with a status of"
PATIENCE_MS = 15_000
"""How long a test waits for what must come, on a machine that has other work too."""
expect.set_options(timeout=PATIENCE_MS)


@dataclass
class Complaints:
    """What the browser holds against a page, in the order in which it says so."""

    heard: list[str] = field(default_factory=list[str])
    foreseen: tuple[str, ...] = (REFUSED_STATUS,)
    """Words of those that belong to what the test does, however many and late they come."""

    def foresee(self, *words: str) -> None:
        self.foreseen += words

    @property
    def unforeseen(self) -> list[str]:
        return [said for said in self.heard if not any(words in said for words in self.foreseen)]


@pytest.fixture(scope="module")
def chromium() -> Generator[Browser, None, None]:
    options = [*CHROMIUM_OPTIONS, f"--host-resolver-rules=MAP {REBOUND_NAME} 127.0.0.1"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable("chromium"), args=options)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Generator[str, None, None]:
    """Address of a service on embedded defaults that holds the handbook."""
    with running_service(tmp_path_factory.mktemp("service")) as address:
        for name, text in HANDBOOK.items():
            add_document(address, name, text)
        yield address


@pytest.fixture(scope="module")
def model() -> Generator[ScriptedModel, None, None]:
    with scripted_model() as server:
        yield server


@pytest.fixture(scope="module")
def scripted_service(tmp_path_factory: pytest.TempPathFactory, model: ScriptedModel) -> Generator[str, None, None]:
    """Address of a service with the handbook whose answers the model's script writes."""
    chat = answered_by(model.server.url)
    with running_service(tmp_path_factory.mktemp("scripted"), **chat, RAGSPAN_LINK_HOSTS="wiki.example") as address:
        for name, text in HANDBOOK.items():
            add_document(address, name, text)
        yield address


@pytest.fixture
def complaints() -> Complaints:
    """What the browser complained about; a page that breaks its own policy or throws fails its test."""
    return Complaints()


@pytest.fixture
def page(chromium: Browser, complaints: Complaints) -> Generator[Page, None, None]:
    def note(message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            complaints.heard.append(message.text)

    context = chromium.new_context(viewport={"width": 1280, "height": 800}, reduced_motion="reduce")
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    page.on("console", note)
    page.on("pageerror", lambda error: complaints.heard.append(str(error)))
    yield page
    context.close()
    assert complaints.unforeseen == []
