"""How many sockets are let in at once."""

from __future__ import annotations

import pytest

from hub.realtime.admission import Admission


class Clock:
    now = 50.0

    def __call__(self) -> float:
        return self.now


def test_a_burst_and_then_so_many_a_second() -> None:
    clock = Clock()
    admission = Admission(per_second=10, burst=5, clock=clock)
    assert [admission.wait() for _ in range(5)] == [0.0] * 5
    assert admission.wait() == pytest.approx(0.1)
    clock.now += 0.05
    assert admission.wait() == pytest.approx(0.05), "asking costs nothing"
    clock.now += 0.05
    assert admission.wait() == 0.0
    assert admission.wait() > 0


def test_a_calm_time_saves_up_no_more_than_a_burst() -> None:
    clock = Clock()
    admission = Admission(per_second=10, burst=5, clock=clock)
    clock.now += 3600
    assert sum(admission.wait() == 0.0 for _ in range(100)) == 5
