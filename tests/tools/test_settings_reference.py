"""The page of settings says what the service reads."""

import runpy
from pathlib import Path

ROOT = Path(__file__).parents[2]
TOOL = runpy.run_path(str(ROOT / "tools" / "settings_reference.py"))


def test_the_page_of_settings_is_up_to_date() -> None:
    assert TOOL["REFERENCE"].read_text() == TOOL["reference"](), "run `make schema`"
