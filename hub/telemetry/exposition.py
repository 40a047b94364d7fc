"""The figures as text, in Prometheus' own format or OpenMetrics, whichever the reader asks for."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector

from hub.telemetry.metrics import ALL, Metric, Rows

# The library takes some microseconds a line: so many samples take about a millisecond.
_AT_ONCE: Final = 10
# Of the lines that begin a family: HELP and TYPE.
_HEAD_LINES: Final = 2


def render(rows: Rows, accept: str) -> tuple[Iterator[bytes], str]:
    """The text, for a reader with this Accept header, and its media type. It comes in small pieces, so that
    who makes it can do other things between them."""
    try:
        encode, media_type = choose_encoder(accept)
    except (ValueError, TypeError):  # a version that is none
        encode, media_type = choose_encoder("")
    return _pieces(rows, encode), media_type


def _pieces(rows: Rows, encode: Callable[[Collector], bytes]) -> Iterator[bytes]:
    end = encode(_Families(()))
    for metric in ALL:
        samples = sorted(rows.get(metric.name, {}).items())
        for start in range(0, len(samples), _AT_ONCE):
            family = _family(metric, samples[start : start + _AT_ONCE])
            text = encode(_Families((family,))).removesuffix(end)
            yield text if start == 0 else text.split(b"\n", _HEAD_LINES)[_HEAD_LINES]
    yield end


class _Families(Collector):
    def __init__(self, families: Iterable[Family]) -> None:
        self._families = families

    def collect(self) -> Iterable[Family]:
        return self._families


def _family(metric: Metric, samples: Iterable[tuple[tuple[str, ...], list[float]]]) -> Family:
    labels = ("worker", *metric.labels) if metric.fold == "each" else metric.labels
    match metric.kind:
        case "counter":
            counter = CounterMetricFamily(metric.name, metric.help, labels=labels)
            for place, (value,) in samples:
                counter.add_metric(place, value)
            return counter
        case "gauge":
            gauge = GaugeMetricFamily(metric.name, metric.help, labels=labels)
            for place, (value,) in samples:
                gauge.add_metric(place, value)
            return gauge
        case "histogram":
            histogram = HistogramMetricFamily(metric.name, metric.help, labels=labels)
            bounds = [*(str(bound) for bound in metric.bounds), "+Inf"]
            for place, (total, *counts) in samples:
                buckets = list(zip(bounds, itertools.accumulate(counts), strict=True))
                histogram.add_metric(place, buckets, sum_value=total)
            return histogram
