"""Prometheus' own tool reads what the service serves and what its how-to asks."""

import json
import re
import subprocess
from pathlib import Path

import pytest

from app.main import create_app
from app.settings import Settings
from tests.support.parts import executable

pytestmark = pytest.mark.needs("promtool")
HOW_TO = Path(__file__).parents[3] / "docs" / "how-to-observe-the-service.md"


def checked(*arguments: str, stdin: bytes = b"") -> tuple[int, str]:
    command = [str(executable("promtool")), "check", *arguments]
    run = subprocess.run(command, input=stdin, capture_output=True, check=False, timeout=60)
    return run.returncode, (run.stdout + run.stderr).decode()


def test_the_metrics_are_well_formed_and_named_as_prometheus_asks() -> None:
    exposition, _ = create_app(Settings.model_construct()).state.metrics.render("")
    assert checked("metrics", stdin=exposition) == (0, "")


def test_what_the_how_to_asks_is_promql(tmp_path: Path) -> None:
    rows = [line for line in HOW_TO.read_text().splitlines() if line.startswith("| ") and "`" in line]
    queries = [query for row in rows for query in re.findall("`([^`]+)`", row)]
    assert len(queries) > 5
    rules = [{"record": f"how_to:query_{number}", "expr": query} for number, query in enumerate(queries)]
    file = tmp_path / "rules.json"  # JSON is YAML
    file.write_text(json.dumps({"groups": [{"name": "how_to", "rules": rules}]}))
    status, said = checked("rules", str(file))
    assert status == 0, said
