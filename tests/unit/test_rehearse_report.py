"""What a rehearsal measures, from documents to figures and an exit code."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace
from rich.console import Console

from hub.drive.brigade import Line
from hub.rehearse.course import Course, Ticket
from hub.rehearse.report import ALL, data, report, show
from hub.rehearse.rush import Outcome
from hub.rehearse.script import Line as Ordering
from hub.rehearse.script import Ordered

BEGIN = datetime(2026, 6, 1, 18, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return BEGIN + timedelta(seconds=seconds)


def item(line: int, station: str, status: str = "pending") -> Line:
    return Line(line, status, station, 10, [])


TICKET = Ticket(
    id="one",
    order_number=1,
    room_number="101",
    status="received",
    placed_at=BEGIN,
    items=[item(1, "kitchen"), item(2, "kitchen"), item(3, "bar")],
    rush=False,
    fire_at=None,
    trip_id=None,
    accepted_at=None,
    allergy_acked_at=None,
    allergy_acked_stations=[],
    cancel_acked_at=None,
    cancel_acked_stations=[],
    shown_at=None,
)


def course(*told: tuple[float, dict[str, Any]]) -> Course:
    made = Course(BEGIN)
    ticket = TICKET
    for seconds, changes in told:
        ticket = replace(ticket, **changes)
        made.told(ticket, at(seconds))
    return made


def items(*statuses: str) -> dict[str, Any]:
    stations = ("kitchen", "kitchen", "bar")
    return {"items": [item(n + 1, stations[n], status) for n, status in enumerate(statuses)]}


# What the documents say is the time of the hub's machine, which may be another one's.
SEEN = (0.05, {"shown_at": at(-3)})
ACCEPTED = (9.0, {"accepted_at": at(-3)})
DELIVERED = (899.0, {"status": "delivered"})


def whole() -> Course:
    return course(
        (0.0, {}),
        SEEN,
        ACCEPTED,
        (60.0, {**items("cooking", "pending", "ready"), "status": "cooking"}),
        (600.0, {**items("ready", "ready", "ready"), "status": "ready"}),
        DELIVERED,
    )


def test_a_course_knows_when_each_station_was_ready() -> None:
    made = whole()
    assert made.ready == {"bar": at(60), "kitchen": at(600)}
    assert (made.shown, made.accepted, made.delivered, made.over) == (at(0.05), at(9), at(899), True)


def test_what_has_happened_stays_where_it_was() -> None:
    made = course(SEEN, ACCEPTED, DELIVERED, (950.0, {"status": "ready"}))
    assert (made.shown, made.accepted, made.delivered, made.over) == (at(0.05), at(9), None, False)
    made.told(replace(TICKET, shown_at=at(0), accepted_at=at(0), status="delivered"), at(960))
    assert (made.shown, made.accepted, made.delivered, made.over) == (at(0.05), at(9), at(960), True)


def test_what_is_recalled_is_not_ready_any_more() -> None:
    made = course((60.0, items("ready", "ready", "ready")), (70.0, items("cooking", "ready", "ready")))
    assert made.ready == {"bar": at(60)}


def test_a_cancelled_line_holds_nothing_up() -> None:
    made = course((60.0, items("ready", "cancelled", "cancelled")))
    assert made.stations == {"kitchen"}
    assert made.ready == {"kitchen": at(60)}


def outcome(*courses: Course, **changes: Any) -> Outcome:
    made = Outcome(len(courses), {"confirmed": len(courses)}, {str(n): one for n, one in enumerate(courses)})
    return replace(made, **changes)


def test_figures_are_by_station_and_of_all() -> None:
    found = report(outcome(whole(), whole()), [])
    told = data(found, speed=4, seed=7)
    assert told["push_to_paint_ms"] == {"count": 2, "p50": 50.0, "p99": None, "max": 50.0}
    assert {name: times["ready_s"]["max"] for name, times in told["stations"].items()} == {
        ALL: 600.0,
        "kitchen": 600.0,
        "bar": 60.0,
    }
    assert told["stations"]["bar"]["accepted_s"]["p50"] == pytest.approx(9, rel=0.01)
    assert told["stations"]["bar"]["delivered_s"]["max"] == 899.0
    assert (told["orders"], told["confirmed"], told["seed"], told["recorded"]) == (2, 2, 7, None)
    assert found.code == 0


def test_an_order_that_nobody_painted_or_that_failed_is_told() -> None:
    unseen = report(outcome(whole(), course((0.0, {}))), [])
    assert (unseen.unseen, unseen.code) == (1, 1)
    failed = report(outcome(whole(), ended={"confirmed": 1, "refused: out_of_stock": 2}), [])
    assert (failed.outcome.failed, failed.code) == ({"refused: out_of_stock": 2}, 1)


def test_a_broken_promise_is_told_before_anything_else() -> None:
    made = outcome(course((0.0, {})))
    made.faults.add("missing", "order 3 is on 0 of 1 kitchens")
    assert report(made, []).code == 3


def test_percentiles_are_told_from_a_hundred_orders_on() -> None:
    many = report(outcome(*(whole() for _ in range(100))), [])
    assert data(many, speed=1, seed=1)["push_to_paint_ms"]["p99"] == pytest.approx(50, rel=0.01)


def test_people_can_read_it() -> None:
    line = [Ordering("soup", 1)]
    then = [Ordered(n, 1, line, accepted=20, ready=800, delivered=1000) for n in range(2)]
    made = outcome(whole(), whole(), course((0.0, {})), ended={"confirmed": 2, "refused: closed": 1})
    made.faults.add("missing", "order 3 is on 0 of 1 kitchens")
    text = io.StringIO()
    show(report(made, then), Console(file=text, width=120), 4)
    said = " ".join(text.getvalue().split())
    for words in (
        "commit → painted │ 2 │ 50.0 │ – │ 50.0",
        "kitchen │ 2 │ 9 / – │ 600 / – │ 899 / –",
        "as recorded │ 2 │ 20 / – │ 800 / – │ 1000 / –",
        "everybody was 4 times as fast",
        "1 of 3 orders: refused: closed",
        "1 orders were painted by no screen",
        "missing: order 3 is on 0 of 1 kitchens",
    ):
        assert words in said
    assert "ok" not in said.split()
