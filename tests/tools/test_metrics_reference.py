"""The page of metrics says what the service serves."""

import runpy
from pathlib import Path

ROOT = Path(__file__).parents[2]
TOOL = runpy.run_path(str(ROOT / "tools" / "metrics_reference.py"))


def test_the_page_of_metrics_is_up_to_date() -> None:
    assert TOOL["REFERENCE"].read_text() == TOOL["reference"](), "run `make schema`"
