"""The page of metrics says what the service serves."""

import re
import runpy
from pathlib import Path

ROOT = Path(__file__).parents[2]
TOOL = runpy.run_path(str(ROOT / "tools" / "metrics_reference.py"))


def test_the_page_of_metrics_is_up_to_date() -> None:
    assert TOOL["REFERENCE"].read_text() == TOOL["reference"](), "run `make schema`"


def test_the_docs_ask_for_no_metric_that_there_is_not() -> None:
    served = set(re.findall(r"^\| `(rag_\w+)`", TOOL["REFERENCE"].read_text(), re.MULTILINE))
    pages = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
    asked = {name for page in pages for name in re.findall(r"\brag_[a-z_]+\b", page.read_text())}
    assert {re.sub("_(bucket|sum|count)$", "", name) for name in asked} <= served
