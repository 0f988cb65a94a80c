"""What our histograms tell is what `prometheus_client`'s own would."""

import pytest
from prometheus_client import CollectorRegistry, Histogram, disable_created_metrics
from prometheus_client.exposition import choose_encoder

from app.telemetry import histograms
from app.telemetry.histograms import HistogramFamily

BOUNDS = (0.005, 0.25, 1, 30)
OBSERVED_S = (0.0, 0.005, 0.0051, 0.25, 0.3, 1, 29.9, 31)
NOW = 1_700_000_000.0


@pytest.fixture(autouse=True)
def one_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    disable_created_metrics()
    monkeypatch.setattr("time.time", lambda: NOW)


@pytest.mark.parametrize("exemplar", [None, {"trace_id": "f00d"}])
def test_observations_are_told_as_the_library_tells_them(exemplar: dict[str, str] | None) -> None:
    ours, theirs = CollectorRegistry(), CollectorRegistry()
    mine = {(stage,): histograms.Histogram(BOUNDS) for stage in ("search", "embed")}
    ours.register(HistogramFamily("stage_seconds", "Each stage.", mine, ["stage"]))
    known = Histogram("stage_seconds", "Each stage.", ["stage"], registry=theirs, buckets=BOUNDS)
    for stage in ("search", "embed"):
        known.labels(stage)
    for seconds in OBSERVED_S:
        mine["search",].observe(seconds, exemplar)
        known.labels("search").observe(seconds, exemplar)
    encode, _ = choose_encoder("application/openmetrics-text;version=1.0.0")
    assert encode(ours) == encode(theirs)
