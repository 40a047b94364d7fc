"""The demo that keeps itself busy, against a hub that serves."""

from __future__ import annotations

import asyncio
import contextlib
import random
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any
from uuid import UUID

import msgspec
import pytest

from hub.demo.busy.__main__ import MOST_OPEN, dine, play
from hub.demo.busy.process import Plan
from hub.demo.device import Device
from hub.demo.hotel import CREW, KITCHEN, ROOMS, new_codes, open_hotel
from hub.demo.screen import Refused, Screen, post
from tests.realtime.conftest import running

if TYPE_CHECKING:
    from hub.db.pool import Connection
    from hub.settings import Settings
    from tests.realtime.conftest import Live

SECONDS = 40.0
SPEED = 300.0


class Demo:
    """The demo hotel at a hub, and what stands in its database."""

    def __init__(self, settings: Settings, admin: Connection, live: Live, tenant_id: UUID) -> None:
        self.settings = settings
        self.admin = admin
        self.live = live
        self.tenant_id = tenant_id

    async def plan(self, **changes: Any) -> Plan:
        codes = await new_codes(self.settings, self.tenant_id, (*ROOMS[1:], CREW))
        tablets = dict(zip(ROOMS[1:], codes, strict=False))
        plan = Plan(self.live.host, self.live.port, tablets, codes[-1], SPEED, 7)
        return msgspec.structs.replace(plan, **changes)

    async def screen(self, place: str) -> Screen:
        (code,) = await new_codes(self.settings, self.tenant_id, (place,))
        claimed = await post(self.live.host, self.live.port, "/api/v1/devices/claim", {"code": code})
        return Screen(self.live.host, self.live.port, claimed["token"])

    async def count(self, where: str) -> int:
        found: int = await self.admin.fetchval(
            f"SELECT count(*) FROM app.orders WHERE tenant_id = $1 AND {where}", self.tenant_id
        )
        return found

    async def until(self, where: str, least: int) -> None:
        async with asyncio.timeout(SECONDS):
            while await self.count(where) < least:  # noqa: ASYNC110 - a table tells nobody
                await asyncio.sleep(0.05)


@pytest.fixture(scope="module")
async def demo(settings: Settings, admin: Connection) -> AsyncIterator[Demo]:
    async with running(settings, twins=False) as live:
        yield Demo(settings, admin, live, await open_hotel(settings))


@asynccontextmanager
async def playing(plan: Plan) -> AsyncIterator[None]:
    """The busy demo inside the block; an error of it ends the test."""
    task = asyncio.create_task(play(plan))
    try:
        yield
        assert not task.done(), task.exception()
    finally:
        task.cancel()
        await asyncio.wait([task], timeout=SECONDS)
        assert task.done(), "the busy demo goes on"


def dish(screen: Screen) -> dict[str, Any]:
    items = screen.documents["menu_item"].values()
    return next(item for item in items if item["name_en"] == "Onion gratin soup")


@pytest.mark.slow
async def test_guests_order_and_the_crew_delivers_and_leaves_the_visitor_alone(demo: Demo) -> None:
    async with await demo.screen(ROOMS[0]) as visitor, playing(await demo.plan()):
        lines = [{"menu_item_id": dish(visitor)["id"], "quantity": 1}]
        mine = (await visitor.command("order.place", lines=lines))["order"]["id"]
        await demo.until("status = 'delivered'", 8)
        assert await demo.count(f"room_number = '{ROOMS[0]}'") == 1
        own = visitor.order(mine)
        assert own is not None
        assert (own["status"], own["accepted_at"]) == ("received", None)
    assert await demo.count("room_number <> '501' AND shown_at IS NULL AND status = 'delivered'") == 0
    assert await demo.count("accepted_at IS NULL AND status = 'delivered'") == 0
    chosen = await demo.admin.fetchval(
        "SELECT count(*) FROM app.order_items WHERE tenant_id = $1 AND options <> '[]'", demo.tenant_id
    )
    assert chosen > 0
    assert await demo.count("total_amount <> subtotal_amount + service_amount") == 0


async def test_nobody_orders_while_the_kitchen_has_enough() -> None:
    placed = 0
    cooked = asyncio.Event()

    async def order() -> None:
        nonlocal placed
        placed += 1
        await cooked.wait()

    async def reaches(wanted: int) -> None:
        async with asyncio.timeout(SECONDS):
            while placed < wanted:  # noqa: ASYNC110 - nothing tells of a number
                await asyncio.sleep(0.01)

    open_tickets = 4
    dining = asyncio.create_task(dine(order, lambda: open_tickets, random.Random(1), 1e5))
    try:
        await reaches(MOST_OPEN - 4)
        await asyncio.sleep(0.2)  # some hundred gaps
        assert placed == MOST_OPEN - 4
        cooked.set()
        open_tickets = 0
        await reaches(2 * MOST_OPEN)
    finally:
        dining.cancel()
        await asyncio.wait([dining], timeout=SECONDS)


async def test_the_visitor_bumps_at_the_same_kitchen(demo: Demo) -> None:
    async with await demo.screen(KITCHEN) as kitchen, playing(await demo.plan(seed=11, speed=60.0)):
        bumped = 0
        async with asyncio.timeout(SECONDS):
            while bumped < 3:
                await asyncio.sleep(0.05)
                for order in list(kitchen.documents.get("order", {}).values()):
                    if order["status"] == "received" and order["room_number"] != ROOMS[0]:
                        if any(item["conflicts"] for item in order["items"]):
                            continue
                        with contextlib.suppress(Refused):  # the crew was quicker
                            await kitchen.command("order.advance", order_id=order["id"], to="cooking")
                            await kitchen.command("order.advance", order_id=order["id"], to="ready")
                            bumped += 1
        await demo.until("status IN ('delivering', 'delivered') AND recall_count = 0", bumped)


async def test_a_tablet_that_the_visitor_takes_is_left_to_him(demo: Demo) -> None:
    (code,) = await new_codes(demo.settings, demo.tenant_id, (ROOMS[4],))
    device = Device(demo.live.host, demo.live.port, code)
    staying = asyncio.create_task(device.stay())
    try:
        async with asyncio.timeout(SECONDS):
            while device.screen is None:  # noqa: ASYNC110 - it comes when it can
                await asyncio.sleep(0.02)
        async with await demo.screen(ROOMS[4]) as visitor:
            async with asyncio.timeout(SECONDS):
                await staying
            lines = [{"menu_item_id": dish(visitor)["id"], "quantity": 1}]
            assert (await visitor.command("order.quote", lines=lines))["quote"]["total_amount"] == 1815
    finally:
        staying.cancel()


async def test_its_process_ends_with_the_demo(demo: Demo) -> None:
    plan = await demo.plan()
    before = await demo.count("true")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "hub.demo.busy"), stdin=asyncio.subprocess.PIPE
    )
    assert process.stdin is not None
    try:
        process.stdin.write(msgspec.json.encode(plan) + b"\n")
        await demo.until("true", before + 2)
        assert process.returncode is None
        process.stdin.close()
        async with asyncio.timeout(SECONDS):
            assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
