"""The figures as text, in Prometheus' own format or OpenMetrics, whichever the reader asks for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import accumulate

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector

from hub.telemetry.metrics import ALL, Metric, Rows


def render(rows: Rows, accept: str) -> tuple[bytes, str]:
    """The text and its media type, for a reader with this Accept header."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Once(rows))
    encode, media_type = choose_encoder(accept)
    text: bytes = encode(registry)
    return text, media_type


class _Once(Collector):
    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    def describe(self) -> Iterable[Family]:
        return ()

    def collect(self) -> Iterator[Family]:
        for metric in ALL:
            if samples := self._rows.get(metric.name):
                yield _family(metric, samples)


def _family(metric: Metric, samples: dict[tuple[str, ...], list[float]]) -> Family:
    labels = ("worker", *metric.labels) if metric.fold == "each" else metric.labels
    match metric.kind:
        case "counter":
            counter = CounterMetricFamily(metric.name, metric.help, labels=labels)
            for place, (value,) in sorted(samples.items()):
                counter.add_metric(place, value)
            return counter
        case "gauge":
            gauge = GaugeMetricFamily(metric.name, metric.help, labels=labels)
            for place, (value,) in sorted(samples.items()):
                gauge.add_metric(place, value)
            return gauge
        case "histogram":
            histogram = HistogramMetricFamily(metric.name, metric.help, labels=labels)
            bounds = [*(str(bound) for bound in metric.bounds), "+Inf"]
            for place, (total, *counts) in sorted(samples.items()):
                buckets = list(zip(bounds, accumulate(counts), strict=True))
                histogram.add_metric(place, buckets, sum_value=total)
            return histogram
