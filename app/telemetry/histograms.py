"""Histograms that one thread fills, the event loop's: an observation is two additions.

Each answer makes a dozen; those of `prometheus_client`, which any thread may fill, take four times as long for each.
"""

import time
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate

from prometheus_client.core import Exemplar, HistogramMetricFamily
from prometheus_client.registry import Collector


class Histogram:
    """One series: how many observations came up to each bound, and their sum."""

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self._exemplars: list[Exemplar | None] = [None] * len(self._counts)
        self.sum = 0.0

    def observe(self, value: float, exemplar: Mapping[str, str] | None = None) -> None:
        bucket = bisect_left(self._bounds, value)
        self._counts[bucket] += 1
        self.sum += value
        if exemplar:
            self._exemplars[bucket] = Exemplar(dict(exemplar), value, time.time())

    def buckets(self) -> list[tuple[str, float] | tuple[str, float, Exemplar]]:
        bounds = [*(str(float(bound)) for bound in self._bounds), "+Inf"]
        counted = zip(bounds, accumulate(self._counts), self._exemplars, strict=True)
        return [(bound, count, exemplar) if exemplar else (bound, count) for bound, count, exemplar in counted]


class HistogramFamily(Collector):
    """A metric of histograms by the values of its labels, or of a single one that has none."""

    def __init__(
        self, name: str, documentation: str, series: Mapping[tuple[str, ...], Histogram], labels: Sequence[str] = ()
    ) -> None:
        self._name, self._documentation, self._series, self._labels = name, documentation, series, labels

    def collect(self) -> Iterable[HistogramMetricFamily]:
        family = HistogramMetricFamily(self._name, self._documentation, labels=self._labels)
        for values, histogram in self._series.items():
            family.add_metric(values, histogram.buckets(), histogram.sum)
        yield family
