"""What is due, and when."""

from __future__ import annotations

import random

from hub.realtime.wheel import Wheel


def test_nothing_is_due_too_early_and_all_within_a_tick() -> None:
    dice = random.Random(7)
    wheel: Wheel[float] = Wheel(0.1, 100.0)
    wanted = {100.0 + dice.uniform(0, 30) for _ in range(1000)}
    for moment in wanted:
        wheel.put(moment, moment)
    now, taken = 100.0, set()
    while now < 131:
        now += 0.1
        for moment in wheel.turn(now):
            assert moment <= now < moment + 0.3
            taken.add(moment)
    assert taken == wanted


def test_what_is_due_already_comes_at_the_next_turn() -> None:
    wheel: Wheel[str] = Wheel(1.0, 10.0)
    wheel.put("late", 3.0)
    assert wheel.turn(10.5) == []
    assert wheel.turn(11.0) == ["late"]
    assert wheel.turn(12.0) == []


def test_a_long_pause_loses_nothing() -> None:
    wheel: Wheel[int] = Wheel(0.1, 0.0)
    for number in range(10):
        wheel.put(number, float(number))
    assert wheel.turn(100.0) == list(range(10))
    wheel.put(10, 5.0)
    assert wheel.turn(100.5) == [10]
