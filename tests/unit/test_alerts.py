"""The alerts ask for what /metrics shows."""

from __future__ import annotations

import re
from pathlib import Path

from hub.telemetry.metrics import ALL

TEXT = (Path(__file__).parents[2] / "deploy" / "alerts.yml").read_text(encoding="utf-8")
EXPRESSIONS = "\n".join(re.findall(r"expr: (.+(?:\n          .+)*)", TEXT))
KNOWN = {metric.name: metric for metric in ALL}


def test_every_alert_is_about_a_metric_that_exists() -> None:
    used = set(re.findall(r"\bhub_[a-z_]+", EXPRESSIONS))
    assert len(used) >= 10
    for name in used:
        metric = KNOWN.get(name) or KNOWN[re.sub("_(bucket|count|sum)$", "", name)]
        assert (metric.name == name) == (metric.kind != "histogram"), name


def test_labels_that_are_asked_for_exist() -> None:
    for name, selector in re.findall(r"\b(hub_[a-z_]+){(.*?)}", EXPRESSIONS):
        metric = KNOWN.get(name) or KNOWN[re.sub("_(bucket|count|sum)$", "", name)]
        assert set(re.findall(r"([a-z_]+)(?:=|!)", selector)) <= set(metric.labels), name


def test_everybody_is_told_what_to_do() -> None:
    alerts = TEXT.split("- alert: ")[1:]
    assert 6 <= len(alerts) == TEXT.count("expr: ")
    for alert in alerts:
        assert all(part in alert for part in ("severity: ", "summary: ", "description: ")), alert
