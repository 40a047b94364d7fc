"""Cooks and runners: what they do next, and how long they take for it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from hub.drive.brigade import Brigade, Line, Order, Step

BEGIN = datetime(2026, 6, 1, 18, tzinfo=UTC)
LOOK = 0.5


def line(number: int, station: str = "kitchen", minutes: int = 10, **changes: Any) -> Line:
    return replace(Line(number, "pending", station, minutes, []), **changes)


def order(number: int, *items: Line, **changes: Any) -> Order:
    made = Order(
        id=f"order {number}",
        order_number=number,
        room_number="502",
        status="received",
        placed_at=BEGIN + timedelta(seconds=number),
        items=list(items or [line(1)]),
        rush=False,
        fire_at=None,
        trip_id=None,
        accepted_at=None,
        allergy_acked_at=None,
        allergy_acked_stations=[],
        cancel_acked_at=None,
        cancel_acked_stations=[],
    )
    return replace(made, **changes)


class Hub:
    """Does what it is told, as far as it matters here, unless it is `deaf`."""

    def __init__(self, *orders: Order, deaf: bool = False, **brigade: Any) -> None:
        self.deaf = deaf
        self.orders = {one.id: one for one in orders}
        self.brigade = Brigade(**{"seed": 1, **brigade})
        self.now = BEGIN.timestamp()
        self.taken: list[tuple[float, Step]] = []

    def run(self, seconds: float) -> Iterator[Step]:
        """Steps as they are taken, of so much time."""
        end = self.now + seconds
        while self.now < end:
            self.brigade.show(self.orders.values())
            for step in self.brigade.steps(self.now):
                self.taken.append((self.now - BEGIN.timestamp(), step))
                if not self.deaf:
                    self.take(step)
                yield step
            self.now += LOOK

    def all(self, seconds: float) -> list[Step]:
        return list(self.run(seconds))

    def take(self, step: Step) -> None:
        now = datetime.fromtimestamp(self.now, UTC)
        one = self.orders[step.args["order_id"]]
        match step.name:
            case "order.accept":
                one = replace(one, accepted_at=now)
            case "order.acknowledge_allergy":
                noted = one.allergy_acked_stations + step.args["stations"]
                one = replace(one, allergy_acked_stations=noted)
                one = replace(one, allergy_acked_at=None if one.unnoted_allergy else now)
            case "order.acknowledge":
                noted = one.cancel_acked_stations + step.args["stations"]
                one = replace(one, cancel_acked_stations=noted)
                one = replace(one, cancel_acked_at=None if one.unnoted_cancellation else now)
            case "order.advance":
                one = self.advance(one, step.args)
        self.orders[one.id] = one

    def advance(self, one: Order, args: dict[str, Any]) -> Order:
        to = args["to"]
        if to in ("delivering", "delivered"):
            return replace(one, status=to, trip_id=args.get("trip_id", one.trip_id))
        items = [replace(item, status=to) if item.line in args["items"] else item for item in one.items]
        done = all(item.status in ("ready", "cancelled") for item in items)
        return replace(one, items=items, status="ready" if done else "cooking")


def names(steps: list[Step]) -> list[str]:
    return [step.args.get("to", step.name) for step in steps]


def test_an_order_goes_its_way_in_the_time_that_people_take() -> None:
    hub = Hub(order(1, line(1, minutes=20), line(2, minutes=5)))
    assert names(hub.all(3600)) == ["order.accept", "cooking", "ready", "delivering", "delivered"]
    at = {step.args.get("to", step.name): moment for moment, step in hub.taken}
    assert 6 <= at["order.accept"] <= 26
    assert 20 * 60 * 0.7 <= at["ready"] - at["cooking"] <= 20 * 60 * 1.15 + 1
    assert 60 <= at["delivered"] - at["delivering"] <= 241


def test_speed_makes_everybody_faster() -> None:
    slow, fast = Hub(order(1)), Hub(order(1), speed=10)
    slow.all(3600)
    fast.all(3600)
    for (late, _), (early, _) in zip(slow.taken, fast.taken, strict=True):
        assert early == pytest.approx(late / 10, abs=10 * LOOK)


def test_the_same_seed_takes_the_same_time() -> None:
    orders = [order(number, line(1), line(2, "bar", 3)) for number in range(1, 8)]
    first, second, other = Hub(*orders), Hub(*orders), Hub(*orders, seed=2)
    for hub in (first, second, other):
        hub.all(3600)
    assert first.taken == second.taken != other.taken


def test_a_station_works_on_so_many_orders_at_once_and_rush_comes_first() -> None:
    orders = [order(number, rush=number == 12) for number in range(1, 13)]
    hub = Hub(*orders, at_once=3)
    begun = []
    for step in hub.run(7200):
        cooking = [one for one in hub.orders.values() if one.status == "cooking"]
        assert len(cooking) <= 3
        if step.args.get("to") == "cooking":
            begun.append(step.args["order_id"])
    assert len(begun) == 12
    assert "order 12" in begun[:3]
    assert all(one.status == "delivered" for one in hub.orders.values())


def test_stations_do_not_wait_for_each_other() -> None:
    hub = Hub(order(1, line(1, minutes=30), line(2, "bar", 3), line(3, "cold", 6)))
    bumped = [step.args["items"] for step in hub.all(600) if step.args.get("to") == "ready"]
    assert bumped == [[2], [3]]


def test_what_needs_no_cooking_is_ready_at_once() -> None:
    hub = Hub(order(1, line(1, "bar", 0)))
    assert names(hub.all(200)) == ["order.accept", "ready", "delivering"]


def test_an_allergy_is_noted_before_anything_is_begun() -> None:
    hub = Hub(order(1, line(1, conflicts=["egg"]), line(2, "bar", 5, conflicts=["egg"]), line(3, "cold", 5)))
    steps = hub.all(3600)
    for number, station in ((1, "kitchen"), (2, "bar")):
        (noted,) = [step for step in steps if step.args.get("stations") == [station]]
        assert noted.name == "order.acknowledge_allergy"
        assert steps.index(noted) < min(n for n, s in enumerate(steps) if number in s.args.get("items", []))
    assert {step.args["to"] for step in steps if step.args.get("items") == [3]} == {"cooking", "ready"}
    assert names(steps).count("order.acknowledge_allergy") == 2


def test_a_scheduled_order_waits_for_its_time() -> None:
    hub = Hub(order(1, fire_at=BEGIN + timedelta(minutes=30)))
    assert hub.all(1799) == []
    assert names(hub.all(60)) == ["order.accept", "cooking"]


def test_a_cancellation_is_acknowledged_and_nobody_carries_it() -> None:
    away = order(1, line(1, status="cancelled"), line(2, "bar", status="cancelled"), status="cancelled")
    half = order(2, line(1, status="cancelled"), line(2, status="ready"), status="ready")
    hub = Hub(away, half)
    steps = hub.all(600)
    noted = [(s.name, s.args["stations"]) for s in steps if s.args["order_id"] == "order 1"]
    assert sorted(noted) == [("order.acknowledge", ["bar"]), ("order.acknowledge", ["kitchen"])]
    assert names([s for s in steps if s.args["order_id"] == "order 2"]) == [
        "order.acknowledge",
        "delivering",
        "delivered",
    ]


def test_runners_take_orders_together_and_are_away_meanwhile() -> None:
    hub = Hub(*(order(number, line(1, status="ready"), status="ready") for number in range(1, 10)), runners=1)
    trips: dict[str, list[str]] = {}
    for step in hub.run(3600):
        under_way = [one for one in hub.orders.values() if one.status == "delivering"]
        assert len({one.trip_id or one.id for one in under_way}) <= 1
        if step.args["to"] == "delivering":
            trips.setdefault(step.args["trip_id"], []).append(step.args["order_id"])
    assert sorted(map(len, trips.values())) == [3, 3, 3]
    assert all(one.status == "delivered" for one in hub.orders.values())


def test_others_may_bump_at_the_same_kitchen() -> None:
    hub = Hub(order(1))
    hub.all(60)
    assert hub.orders["order 1"].status == "cooking"
    ready = replace(hub.orders["order 1"], status="ready", items=[line(1, status="ready")])
    hub.orders["order 1"] = ready
    assert names(hub.all(600)) == ["delivering", "delivered"]


def test_what_was_refused_is_tried_again() -> None:
    hub = Hub(order(1), deaf=True)
    steps = names(hub.all(60))
    assert steps == ["order.accept"] * len(steps)
    assert 3 <= len(steps) <= 6
