"""The rush against a hub that serves: guests, a crew, and a screen of the house that paints."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from hub.demo.screen import Screen, post
from hub.drive.client import Address
from hub.errors import Unavailable
from hub.rehearse import source
from hub.rehearse.evening import evening
from hub.rehearse.report import report
from hub.rehearse.rush import Outcome, Rush
from hub.rehearse.sandbox import Sandbox, prepare
from hub.rehearse.screens import arrived
from hub.rehearse.script import Line, Ordered, Script
from tests.realtime.conftest import running
from tests.rehearse.commands import until

if TYPE_CHECKING:
    from hub.settings import Settings
    from tests.realtime.conftest import Live

SECONDS = 60.0
SPEED = 400.0
DEMO = source.demo()


@pytest.fixture(scope="module")
async def live(settings: Settings) -> AsyncIterator[Live]:
    async with running(settings, twins=False) as live:
        yield live


def script(name: str, count: int = 8) -> Script:
    orders = evening(DEMO.dishes, count=count, seconds=300.0, rooms=4, seed=5)
    return replace(DEMO, hotel=name, orders=orders)


@asynccontextmanager
async def house(live: Live, sandbox: Sandbox) -> AsyncIterator[Screen]:
    """A kitchen screen of the house, which paints every ticket that comes."""
    claimed = await post(live.host, live.port, "/api/v1/devices/claim", {"code": sandbox.codes[0]})
    async with Screen(live.host, live.port, claimed["token"]) as screen:

        async def paint() -> None:
            while True:
                orders = screen.documents.get("order", {}).values()
                fresh = [order["id"] for order in orders if order["shown_at"] is None]
                if fresh:
                    await screen.command("order.seen", order_ids=fresh)
                await asyncio.sleep(0.02)

        painting = asyncio.create_task(paint())
        try:
            yield screen
            assert not painting.done(), painting.exception()
        finally:
            painting.cancel()
            await asyncio.wait([painting], timeout=SECONDS)


async def played(rush: Rush, stop: asyncio.Event | None = None) -> Outcome:
    async with asyncio.timeout(SECONDS):
        try:
            await rush.join()
            return await rush.play(stop or asyncio.Event(), lambda _: None)
        finally:
            rush.leave()


async def test_everything_is_ordered_painted_cooked_and_delivered(settings: Settings, live: Live) -> None:
    evening = script("whole")
    sandbox = await prepare(settings, evening, 1, 600)
    rush = Rush(Address(live.host, live.port), sandbox, evening, speed=SPEED, crew=True, seed=3)
    async with house(live, sandbox):
        await arrived(settings, sandbox, SECONDS)
        outcome = await played(rush)
    found = report(outcome, [])
    assert (outcome.orders, outcome.confirmed, outcome.failed) == (8, 8, {})
    assert not outcome.faults.counts
    assert (found.unseen, found.code) == (0, 0)
    assert found.paint.count == 8
    assert 0 <= found.paint.longest < 5
    sold = {dish.id: dish.station for dish in DEMO.dishes}
    stations = {sold[line.dish] for order in evening.orders for line in order.lines}
    assert set(found.stations) == {"all", *stations}
    for times in found.stations.values():
        assert times.accepted.count == times.ready.count == times.delivered.count > 0
        assert times.accepted.longest <= times.ready.longest <= times.delivered.longest


async def test_what_nobody_paints_is_told(settings: Settings, live: Live) -> None:
    evening = script("unseen", 3)
    sandbox = await prepare(settings, evening, 1, 600)
    rush = Rush(Address(live.host, live.port), sandbox, evening, speed=SPEED, crew=True, seed=3)
    found = report(await played(rush), [])
    assert (found.unseen, found.paint.count, found.code) == (3, 0, 1)


async def test_an_order_that_the_hub_refuses_is_told_by_its_reason(settings: Settings, live: Live) -> None:
    evening = script("refused", 3)
    sandbox = await prepare(settings, evening, 1, 600)
    broken = replace(sandbox, dishes=dict.fromkeys(sandbox.dishes, "00000000-0000-0000-0000-000000000000"))
    rush = Rush(Address(live.host, live.port), broken, evening, speed=SPEED, crew=True, seed=3)
    found = report(await played(rush), [])
    assert found.outcome.failed == {"refused: not_found": 3}
    assert found.code == 1


async def test_people_bump_by_hand_and_end_it_when_they_like(settings: Settings, live: Live) -> None:
    soup = next(dish for dish in DEMO.dishes if dish.id == "soup-onion")
    evening = replace(DEMO, hotel="by-hand", orders=[Ordered(0.0, 1, [Line(soup.id, 1)])] * 2)
    sandbox = await prepare(settings, evening, 1, 600)
    rush = Rush(Address(live.host, live.port), sandbox, evening, speed=1.0, crew=False, seed=3)
    stop = asyncio.Event()
    async with house(live, sandbox) as kitchen:
        playing = asyncio.create_task(played(rush, stop))
        try:
            await until(kitchen, lambda: len(kitchen.documents.get("order", {})) == 2)
            first = next(iter(kitchen.documents["order"]))
            for to in ("cooking", "ready", "delivering", "delivered"):
                await kitchen.command("order.advance", order_id=first, to=to)
            await until(kitchen, lambda: kitchen.documents["order"][first]["status"] == "delivered")
        finally:
            stop.set()
        outcome = await playing
    assert outcome.confirmed == 2
    assert [course.over for course in outcome.courses.values()].count(True) == 1
    assert all(course.accepted is not None for course in outcome.courses.values() if course.over)


async def test_a_crew_that_loses_its_screen_ends_it(settings: Settings, live: Live) -> None:
    evening = replace(script("lost", 3), orders=[Ordered(3600.0, 1, [Line("soup-onion", 1)])])
    sandbox = await prepare(settings, evening, 1, 600)
    rush = Rush(Address(live.host, live.port), sandbox, evening, speed=1.0, crew=True, seed=3)
    async with asyncio.timeout(SECONDS):
        await rush.join()
    try:
        playing = asyncio.create_task(rush.play(asyncio.Event(), lambda _: None))
        async with Screen(live.host, live.port, sandbox.crew.token):  # the newest one takes the place
            async with asyncio.timeout(SECONDS):
                with pytest.raises(Unavailable, match="the crew's screen was closed with 4504"):
                    await playing
    finally:
        rush.leave()


async def test_the_orders_of_a_tablet_that_was_cut_off_have_ended(
    settings: Settings, live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody bumps, and yet it ends: an order that nobody will answer is not waited for."""
    evening = replace(script("cut", 1), orders=[Ordered(0.0, 1, [Line("soup-onion", 1)])])
    sandbox = await prepare(settings, evening, 1, 600)
    rush = Rush(Address(live.host, live.port), sandbox, evening, speed=1.0, crew=False, seed=3)
    tablet = rush._tablets[1]
    write = tablet.write

    def write_and_break(frame: bytes) -> bool:
        sent = write(frame)
        assert tablet._socket is not None
        tablet._socket.close()
        return sent

    monkeypatch.setattr(tablet, "write", write_and_break)
    outcome = await played(rush)
    assert outcome.failed == {"connection lost": 1}


async def test_screens_that_do_not_come_are_told(settings: Settings) -> None:
    sandbox = await prepare(settings, script("nobody", 2), 2, 600)
    with pytest.raises(Unavailable, match=r"0 of 2 kitchen screens came within 0.5 s: open the addresses"):
        await arrived(settings, sandbox, 0.5)
