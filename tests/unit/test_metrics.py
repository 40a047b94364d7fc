"""The figures of one process, of several, and of one that takes another's place."""

from __future__ import annotations

import os
import re
from itertools import product

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_metrics
from prometheus_client.parser import text_string_to_metric_families as plain

from hub.errors import HubError
from hub.realtime.protocol import CloseCode
from hub.security.limits import Rule
from hub.telemetry import metrics
from hub.telemetry.board import PLACE_BYTES, Board
from hub.telemetry.exposition import render
from hub.telemetry.fold import Report, continued, together
from hub.telemetry.histogram import Histogram
from hub.telemetry.metrics import ALL, Figures, Metric, Rows
from hub.web.requests import METHODS

BOUNDS = (0.1, 1.0)


def rows(sessions: int = 0, deliveries: int = 0, memory: int = 0, joins: tuple[float, ...] = ()) -> Rows:
    figures = Figures()
    figures.put(metrics.SESSIONS, sessions, "kitchen")
    figures.put(metrics.DELIVERIES, deliveries)
    figures.put(metrics.MEMORY, memory)
    times = Histogram()
    for seconds in joins:
        times.add(seconds)
    figures.put(metrics.JOINS, times, "replay")
    return figures.rows


def test_a_value_belongs_to_the_first_bound_that_is_not_below_it() -> None:
    times = Histogram(BOUNDS)
    for value in (-1.0, 0.1, 0.11, 1.0, 7.0):
        times.add(value)
    assert (times.counts, times.count) == ([2, 2, 1], 5)
    assert times.sum == pytest.approx(7.21)


@pytest.mark.parametrize("metric", ALL, ids=lambda metric: metric.name)
def test_names_and_words(metric: Metric) -> None:
    assert re.fullmatch(r"hub_[a-z]+(_[a-z]+)*", metric.name)
    assert metric.name.endswith("_total") == (metric.kind == "counter")
    assert (metric.kind == "histogram") == bool(metric.bounds)
    assert list(metric.bounds) == sorted(set(metric.bounds))
    assert metric.name.endswith("_seconds") or metric.kind != "histogram", "base units"
    assert metric.help.endswith(".")
    assert metric.help[0].isupper() or metric.help[0].isdigit()
    assert "worker" not in metric.labels
    # whatever could be as many as hotels, devices or people
    assert not {"tenant", "device", "path", "session", "room", "ip", "user"} & set(metric.labels)


def test_no_name_twice() -> None:
    assert len({metric.name for metric in ALL}) == len(ALL) > 20


def test_workers_become_one_service() -> None:
    one, two = rows(3, 10, 100, (0.2,)), rows(4, 5, 200, (0.2, 9.0))
    both = together([Report(0, True, one), Report(1, True, two)])
    assert both["hub_sessions"] == {("kitchen",): [7]}
    assert both["hub_deliveries_total"] == {(): [15]}
    assert both["hub_process_resident_memory_bytes"] == {("0",): [100], ("1",): [200]}
    (joins,) = both["hub_join_seconds"].values()
    assert joins[0] == pytest.approx(9.4)
    assert sum(joins[1:]) == 3


def test_the_worst_of_all_workers() -> None:
    ages = {0: 9.0, 1: 1.0}
    heads = [Report(slot, True, {"hub_heads_age_seconds": {(): [age]}}) for slot, age in ages.items()]
    assert together(heads)["hub_heads_age_seconds"] == {(): [9.0]}


def test_of_a_dead_worker_only_what_has_happened_stays() -> None:
    both = together([Report(0, True, rows(3, 10, 100)), Report(1, False, rows(4, 5, 200))])
    assert both["hub_sessions"] == {("kitchen",): [3]}
    assert both["hub_process_resident_memory_bytes"] == {("0",): [100]}
    assert both["hub_deliveries_total"] == {(): [15]}


def test_who_takes_its_place_counts_on() -> None:
    base = rows(4, 5, 200, (0.2,))
    base["hub_limit_refusals_total"] = {("ip",): [2]}
    after = continued(base, rows(1, 7, 50, (9.0, 9.0)))
    assert after["hub_sessions"] == {("kitchen",): [1]}
    assert after["hub_process_resident_memory_bytes"] == {(): [50]}
    assert after["hub_deliveries_total"] == {(): [12]}
    assert after["hub_limit_refusals_total"] == {("ip",): [2]}, "what it has not counted yet itself"
    (joins,) = after["hub_join_seconds"].values()
    assert sum(joins[1:]) == 3


def test_a_board_shows_what_each_said_last() -> None:
    board = Board.new(3)
    board.write(0, rows(1))
    board.write(2, rows(2))
    board.write(2, rows(3))
    found = [(report.slot, report.alive, report.rows) for report, _ in board.read()]
    assert found == [(0, True, rows(1)), (2, True, rows(3))]
    assert all(0 <= age < 60 for _, age in board.read())


def test_a_process_that_inherits_the_board_sees_the_same() -> None:
    board = Board.new(2)
    other = Board(os.dup(board.descriptor))
    other.write(1, rows(5))
    assert [report.slot for report, _ in board.read()] == [1]
    board.bury(1)
    assert [report.alive for report, _ in other.read()] == [False]
    other.write(1, rows(6))
    assert [report.alive for report, _ in board.read()] == [True], "its successor is there"


@pytest.mark.parametrize("cut", [0, 12, 24, 40])
def test_a_report_that_was_cut_off_is_not_shown(cut: int) -> None:
    """kill -9 may come in the middle of a write: the report before it stands."""
    board = Board.new(1)
    for number in (1, 2, 3):
        board.write(0, rows(number))
    place = board._place(0, 3 % 2)
    board._memory[place + cut : place + cut + 8] = b"\xff" * 8
    assert [report.rows for report, _ in board.read()] == [rows(2)]
    board.write(0, rows(4))
    assert [report.rows for report, _ in board.read()] == [rows(4)]


def test_the_largest_report_fits() -> None:
    """Every label with every value that the code knows, all numbers as large as numbers get."""
    known: dict[str, list[str]] = {
        "command": [f"command.{number:040}" for number in range(60)],
        "outcome": ["ok", "cancelled", *{error.code for error in tree(HubError)}],
        "route": [f"/api/v1/{'x' * 40}/{number}" for number in range(150)],
        "method": [*METHODS, "other"],
        "status": ["2xx", "4xx"],
        "code": [str(code.value) for code in CloseCode],
        "rule": list(Rule),
    }
    figures = Figures()
    for metric in ALL:
        full = Histogram(metric.bounds)
        full.counts, full.sum = [2**53] * (len(metric.bounds) + 1), 1e300
        value = full if metric.bounds else 1e300
        for place in product(*(known.get(label, ["x" * 40]) for label in metric.labels)):
            figures.put(metric, value, *place)
    board = Board.new(1)
    board.write(0, figures.rows)
    (report, _), *_ = board.read()
    assert report.rows == figures.rows
    with pytest.raises(ValueError, match="does not fit"):
        board.write(0, {"x" * PLACE_BYTES: {}})


def tree(error: type[HubError]) -> set[type[HubError]]:
    return {error}.union(*(tree(below) for below in error.__subclasses__()))


def whole(service: Rows, accept: str) -> tuple[str, str]:
    pieces, media_type = render(service, accept)
    return b"".join(pieces).decode(), media_type


def test_a_strange_reader_gets_the_plain_format() -> None:
    for accept in ("image/png", "application/openmetrics-text; version=x", "text/plain; version=\u00e9;;=,"):
        assert whole(rows(1), accept)[1].startswith("text/plain; version=0.0.4")


def test_a_family_that_comes_in_pieces_has_one_head() -> None:
    many = together([Report(slot, True, rows(1)) for slot in range(25)])
    for accept in ("", "application/openmetrics-text"):
        lines = whole(many, accept)[0].splitlines()
        heads = [line for line in lines if line.startswith("# TYPE")]
        assert len(heads) == len(set(heads)) == 4
        assert len([line for line in lines if line.startswith("# EOF")]) == bool(accept)
        assert not accept or lines[-1] == "# EOF"


def test_both_formats_can_be_read() -> None:
    many = together([Report(slot, True, rows(3, 10, 100, (0.2, 20.0))) for slot in range(25)])
    text, media_type = whole(many, "")
    assert media_type.startswith("text/plain; version=")
    newer, newer_type = whole(many, "application/openmetrics-text;version=1.0.0,text/plain;q=0.5")
    assert newer_type.startswith("application/openmetrics-text; version=1.0.0")
    both = plain(text), open_metrics(newer)  # type: ignore[no-untyped-call]  # has no types
    for families in both:
        samples = {
            (sample.name, *sorted(sample.labels.values())): sample.value
            for family in families
            for sample in family.samples
        }
        assert samples["hub_sessions", "kitchen"] == 75
        assert samples["hub_deliveries_total",] == 250
        assert samples["hub_join_seconds_bucket", "0.1", "replay"] == 0
        assert samples["hub_join_seconds_bucket", "0.25", "replay"] == 25
        assert samples["hub_join_seconds_bucket", "+Inf", "replay"] == 50
        assert samples["hub_join_seconds_count", "replay"] == 50
        assert samples["hub_process_resident_memory_bytes", "24"] == 100
