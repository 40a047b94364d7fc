"""Schedules, histograms and verdicts of the bench."""

from __future__ import annotations

import math
import os
import time
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.plan import Tally
from bench.processes import Span, busy_seconds, cpu_times, usage
from bench.results import Run, judge, latency, make_run, spread
from bench.show import charts, costs, errors, latencies, state, warnings
from hub.drive.histogram import Histogram, bucket, merged, upper_end
from hub.drive.schedule import schedule, steps


def histogram(*seconds: float) -> Histogram:
    made = Histogram()
    for value in seconds:
        made.add(value)
    return made


@given(st.integers(0, 10**10))
def test_a_bucket_holds_its_value_and_is_narrow(micros: int) -> None:
    index = bucket(micros)
    assert micros <= upper_end(index) <= micros * 1.008 + 1
    assert bucket(upper_end(index)) == index
    assert bucket(upper_end(index) + 1) == index + 1


@given(st.lists(st.floats(0, 100), min_size=1, max_size=200), st.sampled_from([0.5, 0.9, 0.99]))
def test_percentiles_are_those_of_the_sorted_values(values: list[float], share: float) -> None:
    found = histogram(*values).percentile(share)
    if len(values) * (1 - share) < 1 - 1e-9:
        assert found is None
    else:
        wanted = sorted(values)[math.ceil(len(values) * share - 1e-9) - 1]
        assert found == pytest.approx(wanted, rel=0.009, abs=2e-6)


def test_too_few_values_have_no_high_percentile() -> None:
    assert Histogram().percentile(0.5) is None
    assert histogram(*[0.001] * 999).percentile(0.999) is None
    assert histogram(*[0.001] * 1000).percentile(0.999) == 0.001
    assert histogram(*[0.001] * 99, 5.0).percentile(0.99) == pytest.approx(0.001, rel=0.008)


@given(st.lists(st.lists(st.floats(0, 10), max_size=50), max_size=4))
def test_merging_is_exact(parts: list[list[float]]) -> None:
    whole = merged(histogram(*part) for part in parts)
    direct = histogram(*[value for part in parts for value in part])
    assert (whole.counts, whole.count, whole.longest) == (direct.counts, direct.count, direct.longest)
    assert sum(count for _, count in whole.buckets()) == whole.count


def test_clocks_that_disagree_count_as_nothing() -> None:
    assert histogram(-0.002, -0.001).percentile(0.5) == 0


def test_the_same_seed_makes_the_same_schedule() -> None:
    first = schedule(50, 10, 100, "poisson", 7)
    assert first == schedule(50, 10, 100, "poisson", 7)
    assert first != schedule(50, 10, 100, "poisson", 8)


@pytest.mark.parametrize("kind", ["poisson", "even"])
def test_a_schedule_offers_its_rate(kind: str) -> None:
    arrivals = schedule(200, 100, 40, "poisson" if kind == "poisson" else "even", 1)
    assert len(arrivals) == pytest.approx(20_000, rel=0.03)
    assert [arrival.number for arrival in arrivals] == list(range(len(arrivals)))
    moments = [arrival.moment for arrival in arrivals]
    assert moments == sorted(moments)
    assert 0 <= moments[0] <= moments[-1] < 100
    assert {arrival.tablet for arrival in arrivals} == set(range(40))


def test_guests_come_in_bunches_and_an_even_schedule_does_not() -> None:
    def gaps(kind: str) -> tuple[float, float]:
        moments = [a.moment for a in schedule(100, 50, 1, "poisson" if kind == "poisson" else "even", 3)]
        between = [after - before for before, after in pairwise(moments)]
        mean = sum(between) / len(between)
        return mean, math.sqrt(sum((gap - mean) ** 2 for gap in between) / len(between))

    mean, deviation = gaps("poisson")
    assert deviation == pytest.approx(mean, rel=0.1)
    mean, deviation = gaps("even")
    assert deviation == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("average", [0, 0.25, 0.5, 1, 1.5, 3.9, 4])
def test_bumps_add_up_to_their_average(average: float) -> None:
    given_ = [steps(number, average) for number in range(1000)]
    assert sum(given_) == int(1000 * average)
    assert set(given_) <= {math.floor(average), math.ceil(average)}


QUIET = Span({}, 0.02)


def tally(*seconds: float, errors: int = 0, fault: str = "") -> Tally:
    made = Tally(due=len(seconds) + errors, answered=len(seconds), commands=len(seconds))
    for value in seconds:
        for name in made.latencies:
            made.latencies[name].add(value)
    for _ in range(errors):
        made.error("no_reply")
    if fault:
        made.faults.add(fault, "order 7")
    return made


def run(rate: float, *seconds: float, errors: int = 0, fault: str = "") -> Run:
    return make_run(rate, 10, tally(*seconds, errors=errors, fault=fault), QUIET, ["place", "screen"])


def test_within_the_thresholds() -> None:
    assert judge([run(10, *[0.010] * 100)], {"place": 11, "screen": 11}, 0) == ([], [])


def test_the_median_of_several_runs_counts() -> None:
    runs = [run(10, *[seconds] * 100) for seconds in (0.010, 0.012, 0.9)]
    assert judge(runs, {"place": 13}, 0) == ([], [])
    wrong, slow = judge(runs, {"place": 11}, 0)
    assert wrong == []
    assert slow == ["10/s: p99 of place is 12.0 ms, allowed are 11"]
    found = spread(runs, lambda one: one.latency_ms["place"].max)
    assert found == (12.0, 10.0, 900.0)


def test_one_slow_rate_among_several_is_too_slow() -> None:
    runs = [run(10, *[0.010] * 100), run(20, *[0.050] * 100)]
    assert judge(runs, {"place": 20}, 0)[1] == ["20/s: p99 of place is 50.0 ms, allowed are 20"]


def test_too_few_orders_do_not_pass_a_threshold() -> None:
    slow = ["10/s: too few orders for a p99 of place; it needs 100"]
    assert judge([run(10, 0.001)], {"place": 20}, 0) == ([], slow)


def test_errors_are_not_good_unless_allowed() -> None:
    runs = [run(10, *[0.010] * 98, errors=2)]
    assert judge(runs, {}, 0) == ([], ["10/s: 2.00 % errors, allowed are 0"])
    assert judge(runs, {}, 2) == ([], [])
    assert errors([*runs, *runs]) == ["10/s: errors: 4 no_reply"]


def test_a_fault_is_not_merely_slow() -> None:
    wrong, slow = judge([run(10, *[0.5] * 100, fault="missing")], {"place": 20}, 0)
    assert wrong == ["10/s: 1 missing, such as: order 7"]
    assert slow == ["10/s: p99 of place is 500.0 ms, allowed are 20"]


def test_what_is_shown() -> None:
    runs = [run(10, *[0.010] * 100), run(10, *[0.020] * 100, errors=1)]
    shown = latencies(runs)
    assert [(row["name"], row["p50"], row["p99"], row["range"]) for row in shown.rows] == [
        ("place", 15.0, 15.0, "10.0-20.0"),
        ("screen", 15.0, 15.0, "10.0-20.0"),
    ]
    assert shown.columns[-1].key == "range"
    assert [(row["rate"], row["errors"]) for row in costs(runs).rows] == [(10, 1)]
    assert "99/" not in state(tally(*[0.01] * 100))
    assert "reply p50 10.0 p99 10.0 ms" in state(tally(*[0.01] * 100))
    assert warnings(runs) == []


def test_what_is_drawn() -> None:
    quick, slow = run(10, *[0.010] * 100), run(20, *[0.020] * 100)
    (bars,) = [chart for chart in charts(latencies([quick]), costs([quick]), []) if chart.series]
    assert bars.series == {name: [("place", 10.0), ("screen", 10.0)] for name in ("p50", "p99")}
    both = [quick, slow]
    lines = [chart for chart in charts(latencies(both), costs(both), []) if chart.series]
    assert [chart.title for chart in lines] == ["place → reply", "place → kitchen frame"]
    assert lines[0].series == {name: [(10.0, 10.0), (20.0, 20.0)] for name in ("p50", "p99")}


def test_a_client_that_is_late_is_told() -> None:
    late = tally(0.01)
    late.late.add(0.2)
    assert "200.0 ms late" in warnings([make_run(10, 10, late, QUIET, ["place"])])[0]


def test_nothing_measured_has_no_numbers() -> None:
    empty = latency(Histogram())
    assert (empty.count, empty.mean, set(empty.percentiles.values())) == (0, None, {None})


def test_a_machine_that_is_not_quiet_is_told() -> None:
    run = make_run(10, 10, tally(0.01), Span({}, 9.0), ["place"])
    assert "others used 0.9 cores" in warnings([run])[0]


@pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="only Linux tells it")
def test_the_cpu_of_a_process_is_part_of_the_machines() -> None:
    roots = {"me": os.getpid()}
    before, busy_before = cpu_times(roots), busy_seconds()
    deadline = time.process_time() + 0.1
    while time.process_time() < deadline:
        pass
    used, busy = usage(roots, before)["me"], busy_seconds()
    assert busy is not None
    assert busy_before is not None
    assert 0.05 < used.cpu_seconds < 5
    assert busy - busy_before > 0.04
    assert used.memory_mib > 5
