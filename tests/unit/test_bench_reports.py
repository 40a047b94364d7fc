"""What the commands of the bench share: searches, verdicts, pictures, limits of this machine."""

from __future__ import annotations

import asyncio
import resource
import threading
from uuid import UUID, uuid4

import pytest

from bench import durable
from bench.ceiling.record import Recording, Statement
from bench.crowd.crowd import check_descriptors, ports, sources_for
from bench.hotels import room_for
from bench.machine import Cores, Machine
from bench.mix.findings import bound
from bench.mix.search import highest
from bench.mix.words import SHARES, Tally
from bench.picture import draw, page
from bench.place import busy_note
from bench.report import (
    Chart,
    Column,
    Findings,
    Report,
    Row,
    Table,
    cell,
    median_row,
    ms,
    percentiles,
    points,
    shown,
)
from bench.results import Verdict
from hub.drive.histogram import Histogram
from hub.drive.metronome import Metronome
from hub.errors import InvalidInput, SettingError


@pytest.mark.parametrize(("limit", "low", "high"), [(730, 700, 730), (45, 40, 45), (3, None, None)])
async def test_the_highest_rate_is_found(limit: float, low: float | None, high: float | None) -> None:
    asked = []

    async def hold(rate: float) -> bool:
        asked.append(rate)
        return rate <= limit

    found = await highest(hold, 50, 10_000, 4)
    if low is None or high is None:
        assert found is None
    else:
        assert found is not None
        assert low <= found <= high
    assert len(asked) <= 13


async def test_a_search_ends_at_the_most() -> None:
    async def hold(rate: float) -> bool:
        return True

    assert await highest(hold, 50, 400, 3) == 400


def test_limits() -> None:
    findings = Findings()
    findings.limit("p99", 10.0, None, "ms")
    findings.limit("p99", 10.0, 11, "ms")
    verdicts = [findings.verdict]
    findings.limit("p99", 10.0, 9, "ms")
    findings.limit("CPU", None, 9, "us")
    assert findings.slow == ["p99 is 10 ms, allowed are 9", "CPU: nothing was measured, allowed are 9 us"]
    verdicts.append(findings.verdict)
    findings.wrong.append("an order is missing")
    assert [*verdicts, findings.verdict] == [Verdict.GOOD, Verdict.TOO_SLOW, Verdict.WRONG]


def test_medians_of_windows() -> None:
    rows: list[Row] = [{"n": n, "name": "a", "gone": None} for n in (9, 1, 5)]
    assert median_row(rows) == {"n": 5, "name": "a", "gone": None}


def test_parts_of_rows_and_series() -> None:
    took = Histogram()
    for _ in range(50):
        took.add(0.002)
    found = percentiles(took, 50, 99, prefix="calm_")
    assert found == {"calm_p50": ms(took, 0.5), "calm_p99": None}
    rows: list[Row] = [{"n": 1, "us": 2.5}, {"n": 2, "us": None}, {"n": 3}, {"n": 4, "us": 0}]
    assert points(rows, "n", "us") == [(1.0, 2.5), (4.0, 0.0)]
    assert points([{"query": "menu", "p95": 3}], "query", "p95") == [("menu", 3.0)]


def test_others_on_this_machine_are_told() -> None:
    quiet: list[Row] = [{"others": 0.1}, {"others": None}, {}]
    assert busy_note(quiet) == []
    assert busy_note([*quiet, {"others": 0.52}])[0].startswith("others used 0.5 cores")


@pytest.mark.parametrize(("devices", "hotels"), [(1, 1), (100, 1), (101, 2)])
def test_hotels_have_room_for_all_devices(devices: int, hotels: int) -> None:
    room = room_for(devices)
    assert (room.count, room.devices) == (hotels, 100 * hotels)


def test_a_metronome_ends_though_its_loop_was_busy() -> None:
    async def busy() -> None:
        with Metronome([0.0] * 100_000, lambda: None):
            for thread in threading.enumerate():
                if thread.name == "metronome":
                    thread.join(5)  # nobody reads meanwhile, and a pipe holds fewer

    working = threading.Thread(target=asyncio.run, args=(busy(),), daemon=True)
    working.start()
    working.join(10)
    assert not working.is_alive()


def test_cells() -> None:
    assert [cell(value, 1) for value in (None, "x", 1234.56)] == ["-", "x", "1,234.6"]
    table = Table("t", "title", [Column("a", "A"), Column("b", "B", 1)], [{"a": 1, "b": 2.25}, {"a": 2}])
    assert shown(table).row_count == 2


def test_a_page_is_whole_and_loads_nothing() -> None:
    table = Table("t", "times <&>", [Column("a", "A")], [{"a": 1}])
    charts = [
        Chart("lines", "x", "ms", {"one": [(1, 2.0), (2, 4.0)], "two": [(1, 3.0)]}),
        Chart("bars", "x", "us", {"one": [("a<b", 2.0), ("c", 0.0)]}),
        Chart("nothing", "x", "us", {}),
    ]
    findings = Findings([table], charts, ["a note"], ["too slow"])
    report = Report(
        bench="connections",
        date="today",
        command="python3 -m bench connections",
        machine=Machine("Linux", "cpu", 2, 8.0, 1.0),
        versions={},
        servers=["PostgreSQL 18"],
        cores=Cores(None, None),
        options={},
        results={"t": table.rows},
        notes=findings.notes,
        broken=findings.slow,
        exit_code=1,
    )
    text = page(report, findings)
    for words in ("times &lt;&amp;&gt;", "a note", "too slow", "a&lt;b", "PostgreSQL 18"):
        assert words in text
    assert text.count("<svg") == 2
    assert "http" not in text.replace("http://www.w3.org/2000/svg", "")
    assert "NaN" not in draw(charts[1])


def test_a_recording_is_sent_again_with_other_ids() -> None:
    op_id, order_id, tenant = uuid4(), uuid4(), uuid4()
    text = f"SELECT '{tenant.hex}', '{op_id.hex}'"
    first = Statement("execute", text, (tenant, op_id, order_id, 7, f'{{"id":"{order_id}"}}'))
    fresh_op, fresh_order = UUID(int=1), UUID(int=2)
    (again,) = Recording([first], op_id, order_id).fresh(fresh_op, fresh_order)
    assert again.arguments == (tenant, fresh_op, fresh_order, 7, f'{{"id":"{fresh_order}"}}')
    assert (again.method, again.text) == (first.method, f"SELECT '{tenant.hex}', '{fresh_op.hex}'")


def test_too_few_descriptors_are_told_before_anything_starts() -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        check_descriptors(100, 1)
        with pytest.raises(SettingError, match=r"ulimit -Hn .* --clients"):
            check_descriptors(100_000_000, 2)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_many_connections_need_several_addresses() -> None:
    room = ports()
    assert sources_for("127.0.0.1", 100) == ()
    assert sources_for("127.0.0.1", 2 * room) == ("127.0.0.2", "127.0.0.3", "127.0.0.4")
    with pytest.raises(InvalidInput, match="--source"):
        sources_for("hub.example", 2 * room)
    with pytest.raises(InvalidInput, match="more than the bench can open"):
        sources_for("127.0.0.1", 10 * room)


@pytest.mark.parametrize(
    ("cores", "said"),
    [
        ({"hub": 0.95, "postgres": 0.5, "client": 0.3, "busy": 1.8}, "the hub's CPU"),
        ({"hub": 0.5, "postgres": 0.5, "client": 0.95, "busy": 1.8}, "--clients more"),
        ({"hub": 0.5, "postgres": 0.5, "client": 0.3, "busy": 64.0}, "no CPU was left"),
        ({"hub": 0.1, "postgres": 0.1, "client": 0.1, "busy": 0.3}, "waiting"),
        ({"hub": None}, "elsewhere"),
    ],
)
def test_what_bounds_a_rate(cores: dict[str, float | None], said: str) -> None:
    assert said in bound({**cores})


def test_a_mix_is_three_quarters_reads() -> None:
    for shares in SHARES.values():
        assert sum(shares.values()) == 1000
        assert shares["place"] + shares["bump"] == 250


def test_tallies_of_several_processes_add_up() -> None:
    one, two = Tally(due=2), Tally(due=3)
    one.add("menu", 0.1)
    two.add("menu", 0.2)
    two.error("place: 503")
    one.merge(two)
    assert (one.due, one.done, one.errors, one.error_percent) == (5, 2, {"place: 503": 1}, 20.0)
    assert one.whole(frozenset({"menu"})).count == 2
    assert one.whole(frozenset({"place"})) == Histogram()


def test_orders_that_fail_in_saturation_count() -> None:
    rows: list[Row] = [{"hub": 45.0, "errors": 20}, {"hub": 45.0, "errors": 0}]
    assert durable.failed(rows, 2.0) == 10.0
    assert durable.failed([{"hub": 0.0, "errors": 7}], 2.0) == 100.0
    assert durable.failed([{"hub": 45.0, "errors": 0}], 2.0) == 0.0
