"""What the bench calls missing, repeated and out of order."""

from __future__ import annotations

import pytest

from hub.drive.ledger import Faults, Placed, Screen, Ticket, judge


def ticket(number: int, version: int = 1, date: str = "2026-11-21") -> Ticket:
    return Ticket(f"id-{date}-{number}", number, date, version, "received")


@pytest.fixture
def screen() -> Screen:
    made = Screen("kitchen")
    made.position(10)
    return made


def test_orders_and_their_changes_in_order(screen: Screen) -> None:
    assert screen.ticket(ticket(1))
    assert screen.ticket(ticket(2))
    assert not screen.ticket(ticket(1, 2))
    assert not screen.ticket(ticket(1, 4))
    assert screen.ticket(ticket(1, 1, "2026-11-22"))
    for seq in (11, 12, 15):
        screen.event(seq)
    screen.position(15)
    assert screen.faults.counts == {}


def test_a_repeated_event(screen: Screen) -> None:
    screen.event(11)
    screen.event(11)
    screen.ticket(ticket(1, 1))
    screen.ticket(ticket(1, 1))
    assert screen.faults.counts == {"repeated": 2}


def test_events_out_of_order(screen: Screen) -> None:
    screen.event(13)
    screen.event(12)
    screen.position(9)
    screen.ticket(ticket(2))
    screen.ticket(ticket(1))
    screen.ticket(ticket(2, 3))
    screen.ticket(ticket(2, 2))
    assert screen.faults.counts == {"out of order": 4}


def test_an_order_whose_beginning_never_came(screen: Screen) -> None:
    screen.ticket(ticket(1, 2))
    assert screen.faults.counts == {"missing": 1}


def test_what_the_snapshot_showed_is_known(screen: Screen) -> None:
    screen.know(ticket(5, 3))
    assert not screen.ticket(ticket(5, 4))
    assert screen.ticket(ticket(6))
    assert screen.faults.counts == {}
    screen.ticket(ticket(4))
    assert screen.faults.counts == {"out of order": 1}


def placed(ended: str, shown: int, wanted: int = 1) -> Placed:
    return Placed(1, 0, 0.0, True, wanted, ended=ended, shown=shown)


@pytest.mark.parametrize(
    ("order", "fault"),
    [
        (placed("confirmed", 1), None),
        (placed("confirmed", 0), "missing"),
        (placed("confirmed", 1, wanted=2), "missing"),
        (placed("confirmed", 0, wanted=0), None),
        (placed("refused: out_of_stock", 0), None),
        (placed("refused: out_of_stock", 1), "unasked"),
        (placed("", 1), None),
        (placed("", 0), None),
    ],
)
def test_the_last_look(order: Placed, fault: str | None) -> None:
    faults = Faults()
    judge([order], faults)
    assert list(faults.counts) == ([fault] if fault else [])


def test_what_is_settled() -> None:
    assert not placed("", 1).settled
    assert not placed("confirmed", 0).settled
    assert placed("confirmed", 1).settled
    assert placed("refused: stay_ended", 0).settled


def test_faults_of_several_processes() -> None:
    first, second = Faults(), Faults()
    for number in range(4):
        first.add("missing", f"a{number}")
        second.add("missing", f"b{number}")
    second.add("repeated", "c")
    first.merge(second)
    assert first.counts == {"missing": 8, "repeated": 1}
    assert first.examples == {"missing": ["a0", "a1", "a2", "a3", "b0"], "repeated": ["c"]}
