"""Write docs/reference/metrics.md from the answer service's metrics; part of `make schema`."""

from pathlib import Path

from prometheus_client import Metric

from app.main import create_app
from app.settings import Settings

REFERENCE = Path(__file__).resolve().parents[1] / "docs" / "reference" / "metrics.md"

HEAD = """# Metrics of the answer service

What `/metrics` serves, in the Prometheus text format, or as OpenMetrics to who accepts that: then with the trace id of
a [traced](../how-to-observe-the-service.md#traces) request as the exemplar of its latencies. Generated from
`app/telemetry/metrics.py` by `make schema`; edit that. Each series with a value named here is there from the start, at
0. The usual `process_*` metrics of memory, CPU and file descriptors come along.

| name | type | unit | labels | meaning |
|---|---|---|---|---|
"""


def reference() -> str:
    """The whole page, by the defaults of all settings, whatever the environment says."""
    families = create_app(Settings.model_construct()).state.metrics.registry.collect()
    return HEAD + "".join(_row(family) for family in families if family.name.startswith("rag_"))


def _row(family: Metric) -> str:
    name = family.name + {"counter": "_total", "info": "_info"}.get(family.type, "")
    unit = "seconds" if family.name.endswith("_seconds") else "count" if family.type == "counter" else ""
    values: dict[str, dict[str, None]] = {}
    for sample in family.samples:
        for label, value in sample.labels.items():
            if label != "le":
                values.setdefault(label, {})[value] = None
    if family.type == "info":
        values = {label: {} for label in values}
    labels = "; ".join(f"`{label}`: {', '.join(f'`{v}`' for v in seen)}".rstrip(": ") for label, seen in values.items())
    return f"| `{name}` | {family.type} | {unit} | {labels} | {family.documentation} |\n"


if __name__ == "__main__":
    REFERENCE.write_text(reference())
