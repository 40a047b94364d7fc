"""What /metrics says, as its reader sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client.parser import text_string_to_metric_families

from hub.telemetry.exposition import render
from hub.telemetry.fold import Report, together

if TYPE_CHECKING:
    from hub.meters import Meters

Sample = tuple[str, frozenset[tuple[str, str]]]


class Scrape:
    """The samples of one answer."""

    def __init__(self, text: str) -> None:
        self.families = {family.name: family for family in text_string_to_metric_families(text)}
        self.samples: dict[Sample, float] = {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for family in self.families.values()
            for sample in family.samples
        }

    def __call__(self, name: str, **labels: str) -> float:
        """The value of one sample; 0 for one that is not there."""
        return self.samples.get((name, frozenset(labels.items())), 0.0)

    def growing(self) -> dict[Sample, float]:
        """The samples of counters and histograms."""
        kinds = ("counter", "histogram")
        return {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for family in self.families.values()
            for sample in family.samples
            if family.type in kinds
        }

    def total(self, name: str) -> float:
        """The sum over all labels."""
        return sum(value for (found, _), value in self.samples.items() if found == name)

    def labels(self, name: str, label: str) -> set[str]:
        """All values of a label."""
        return {dict(labels)[label] for found, labels in self.samples if found == name}


def scraped(meters: Meters) -> Scrape:
    """What a process says of itself now."""
    pieces, _ = render(together([Report(0, True, meters.read())]), "")
    return Scrape(b"".join(pieces).decode())
