"""Several processes as one service, and a process that goes on where a dead one stopped."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from msgspec import Struct

from hub.telemetry.metrics import ALL, Metric, Rows

_GROWING: Final = tuple(metric for metric in ALL if metric.kind != "gauge")


class Report(Struct, frozen=True):
    """What worker number `slot` last said. One that has died is not `alive`: what it counted has happened,
    what it held is gone."""

    slot: int
    alive: bool
    rows: Rows


def together(reports: Iterable[Report]) -> Rows:
    """The figures of the service."""
    rows: Rows = {}
    for report in reports:
        for metric in ALL:
            if report.alive or metric.kind != "gauge":
                samples = rows.setdefault(metric.name, {})
                for labels, numbers in report.rows.get(metric.name, {}).items():
                    place = (str(report.slot), *labels) if metric.fold == "each" else labels
                    samples[place] = _joined(metric, samples.get(place), numbers)
    return rows


def continued(base: Rows, own: Rows) -> Rows:
    """The figures of a process that follows one with the figures `base`: counters go on."""
    rows = dict(own)
    for metric in _GROWING:
        before = base.get(metric.name)
        if before:
            now = own.get(metric.name, {})
            rows[metric.name] = {
                labels: _joined(metric, before.get(labels), now.get(labels, [0.0]))
                for labels in (*before, *(one for one in now if one not in before))
            }
    return rows


def _joined(metric: Metric, one: list[float] | None, other: list[float]) -> list[float]:
    if one is None:
        return other
    if metric.fold == "max":
        return [max(one[0], other[0])]
    longer, shorter = (one, other) if len(one) >= len(other) else (other, one)
    return [a + b for a, b in zip(longer, shorter, strict=False)] + longer[len(shorter) :]
