"""Links and commands in the documentation lead somewhere."""

import re
from pathlib import Path

import click
import pytest

from app.settings import Settings
from ragspan.cli import main

ROOT = Path(__file__).parents[2]
PAGES = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]
NAMES = [str(page.relative_to(ROOT)) for page in PAGES]
TARGETS = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
CHECKED_PATHS = (
    r"`((?:app|docs|infra|ops|policies|requirements|stacks|tests|tools)/[\w./-]+\.(?:csv|json|md|py|txt|yaml))`"
)


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", re.sub("`[^`]*`", "", page.read_text()))
    assert [link for link in links if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_every_make_target_named_exists(page: Path) -> None:
    named = set(re.findall(r"(?:^    |`)(?:[A-Z]+=\S+ )?make ([a-z]+)", page.read_text(), re.MULTILINE))
    assert named <= TARGETS


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_every_file_named_exists(page: Path) -> None:
    named = re.findall(CHECKED_PATHS, page.read_text())
    examples = ("reranker.py", "<name>", "us-central1")
    assert [path for path in named if not (ROOT / path).exists() and not path.endswith(examples)] == []


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_links_to_a_heading_find_it(page: Path) -> None:
    links = re.findall(r"\]\(([^)#:]*)#([^)]+)\)", re.sub("`[^`]*`", "", page.read_text()))
    assert [f"{to}#{name}" for to, name in links if name not in headings((page.parent / to) if to else page)] == []


def headings(page: Path) -> set[str]:
    """The anchors that GitHub gives a page's headings."""
    named = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", name).strip().lower().replace(" ", "-") for name in named}


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_every_command_and_option_named_exists(page: Path) -> None:
    calls = re.findall(r"\.venv/bin/ragspan ([a-z]+)((?:.*\\\n)*[^\n#`]*)", page.read_text())
    for name, arguments in calls:
        command = main.get_command(click.Context(main), name)
        assert command, f"ragspan {name}"
        options = {option for parameter in command.params for option in parameter.opts}
        assert set(re.findall(r"(?<!\S)--[a-z-]+", arguments)) <= options, f"ragspan {name}"


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_every_setting_named_exists(page: Path) -> None:
    known = {f"RAGSPAN_{name.upper()}" for name in Settings.model_fields}
    assert set(re.findall(r"RAGSPAN_[A-Z0-9_]+", page.read_text())) <= known


def test_every_page_is_in_the_index() -> None:
    index = (ROOT / "docs" / "README.md").read_text()
    pages = {path.relative_to(ROOT / "docs") for path in ROOT.glob("docs/*.md") if path.name != "README.md"}
    assert [str(path) for path in sorted(pages) if f"({path})" not in index] == []
