"""Each shipped stack registers exactly what was reviewed."""

import difflib
import os
from pathlib import Path

import pytest

from tests.support.golden import as_tree
from tests.support.stacks import NAMES, planned

GOLDEN = Path(__file__).parents[1] / "golden"
UPDATE = "UPDATE_GOLDEN=1 .venv/bin/pytest tests/ops/test_golden_graphs.py"


@pytest.mark.parametrize("name", NAMES)
def test_the_graph_is_the_reviewed_one(name: str) -> None:
    file = GOLDEN / f"{name}.txt"
    graph = as_tree(planned(name))
    if "UPDATE_GOLDEN" in os.environ:
        file.write_text(graph, encoding="utf-8")
    reviewed = file.read_text(encoding="utf-8") if file.exists() else ""
    diff = "".join(difflib.unified_diff(reviewed.splitlines(True), graph.splitlines(True), "reviewed", "planned"))
    assert not diff, f"\n{diff}\nIf this is meant, run {UPDATE} and review the change of {file.name}."


def test_every_golden_graph_has_its_stack() -> None:
    assert {file.stem for file in GOLDEN.glob("*.txt")} <= set(NAMES)
