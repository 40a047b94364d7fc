"""Two hubs, two hundred screens, two thousand commands, while Redis, the relay and a hub are killed with -9
and come back. At the end every screen shows what the database holds, nothing came twice or out of order, no
order that was acknowledged is missing, and none was made twice."""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from hub.db.scope import utc_now
from hub.services import topics_of
from tests.factories import make_hotel
from tests.faults.checker import hush
from tests.faults.fleet import Fleet, Member, relay_holder
from tests.realtime.conftest import head
from tests.realtime.screens import Answer, Document, Screen

if TYPE_CHECKING:
    from hub.db.pool import Connection
    from hub.embedded import Servers
    from hub.settings import Settings
    from tests.factories import Hotel

pytestmark = [pytest.mark.faults, pytest.mark.timeout(300)]

HOTELS, ROOMS, KITCHENS = 10, 17, 3
COMMANDS = 2000
# For a fifth of the commands, on a busy machine.
PROGRESS_SECONDS = 120.0
STEPS = {"received": "cooking", "cooking": "ready", "ready": "delivering", "delivering": "delivered"}


class Ledger:
    """What the clients know: which operations they began, and which were acknowledged as which order."""

    def __init__(self) -> None:
        self.done = 0
        self.refused: Counter[str] = Counter()
        self.began: set[str] = set()
        self.placed: dict[str, str] = {}
        self.progress = asyncio.Condition()

    async def count(self) -> None:
        async with self.progress:
            self.done += 1
            self.progress.notify_all()

    async def reach(self, number: int) -> None:
        try:
            async with asyncio.timeout(PROGRESS_SECONDS), self.progress:
                await self.progress.wait_for(lambda: self.done >= number)
        except TimeoutError:
            raise AssertionError(f"only {self.done} of {number} commands are done") from None


async def guest(screen: Screen, hotel: Hotel, ledger: Ledger, dice: random.Random) -> None:
    """Orders, and now and then changes its mind."""
    mine = [order for order in screen.orders().values() if order["status"] == "received"]
    if mine and dice.random() < 0.15:
        await screen.command("order.cancel", order_id=dice.choice(mine)["id"])
        return
    names = dice.sample(["soup", "curry", "beer"], dice.randint(1, 3))
    lines = [{"menu_item_id": str(hotel.menu[name]), "quantity": dice.randint(1, 3)} for name in names]
    op_id = str(uuid4())
    ledger.began.add(op_id)
    answer = await screen.command("order.place", op_id, lines=lines, age_attested=True)
    ledger.placed[op_id] = answer["order"]["id"]


async def cook(screen: Screen, ledger: Ledger, dice: random.Random) -> None:
    """Does something sensible with one of the tickets it sees."""
    orders = [order for order in screen.orders().values() if order["status"] != "delivered"]
    if not orders:
        return
    order = dice.choice(orders)
    key = {"order_id": order["id"]}
    if order["status"] == "cancelled":
        if order["cancel_acked_at"] is None:
            await screen.command("order.acknowledge", **key)
        return
    if order["shown_at"] is None:
        await screen.command("order.seen", order_ids=[order["id"]])
    elif dice.random() < 0.05 and order["status"] == "ready":
        await screen.command("order.recall", **key, expected_version=order["version"])
    elif dice.random() < 0.5 and order["status"] in ("received", "cooking"):
        item = dice.choice([item for item in order["items"] if item["status"] != "cancelled"])
        to = {"pending": "cooking", "cooking": "ready", "ready": "ready"}[item["status"]]
        await screen.command("item.advance", **key, line=item["line"], to=to)
    else:
        await screen.command("order.advance", **key, to=STEPS[order["status"]], id_checked=True)


async def play(screen: Screen, hotel: Hotel, ledger: Ledger, seed: int) -> None:
    """One client: random valid commands until there are enough in all."""
    dice = random.Random(seed)
    while ledger.done < COMMANDS:
        try:
            if screen.principal.kind == "tablet":
                await guest(screen, hotel, ledger, dice)
            else:
                await cook(screen, ledger, dice)
        except Answer as answer:
            ledger.refused[answer.code] += 1  # two clients had the same thought
        await ledger.count()
        await asyncio.sleep(dice.uniform(0, 0.4))


async def break_things(servers: Servers, admin: Connection, fleet: Fleet, ledger: Ledger) -> list[str]:
    """Kill each part with -9 in the middle of the traffic, and bring it back."""
    killed = []

    async def replace(member: Member) -> None:
        await asyncio.to_thread(member.kill)
        await ledger.reach(min(ledger.done + 100, COMMANDS - 1))
        member.start()
        await asyncio.to_thread(member.wait_ready)

    for part, moment in (("redis", 0.1), ("relay", 0.25), ("hub", 0.45), ("redis", 0.65), ("relay", 0.8)):
        await ledger.reach(int(COMMANDS * moment))
        match part:
            case "redis":
                await asyncio.to_thread(servers.redis.kill)
                await ledger.reach(min(ledger.done + 100, COMMANDS - 1))
                await asyncio.to_thread(servers.redis.start)
            case "relay":
                await replace(await relay_holder(admin, fleet))
            case "hub":
                holder = await relay_holder(admin, fleet)
                await replace(next(member for member in fleet.members if member is not holder))
        killed.append(part)
    return killed


async def lose_the_tail(servers: Servers, admin: Connection, hotels: list[Hotel]) -> None:
    """A last change in every hotel that Redis never carries: no later event reveals that it is missing."""
    await asyncio.to_thread(servers.redis.kill)
    for hotel in hotels:
        await admin.execute(
            "UPDATE app.menu_items SET price = price + 1 WHERE tenant_id = $1", hotel.tenant_id
        )
    await asyncio.to_thread(servers.redis.start)


async def check_screen(screen: Screen, admin: Connection, hotel: Hotel, seq: int) -> None:
    """It has applied each event of its topics once and in order, and shows what the database holds."""
    await screen.reach(seq)
    assert len(screen.snapshots) == 1, "a short break is bridged by replay, not by a snapshot"
    topics = list(topics_of(screen.principal))
    rows = await admin.fetch(
        "SELECT seq FROM app.events WHERE tenant_id = $1 AND seq > $2 AND topics && $3::text[] ORDER BY seq",
        hotel.tenant_id,
        screen.snapshots[0],
        topics,
    )
    assert screen.applied == [row["seq"] for row in rows]
    condition = "AND stay_id = $2" if screen.principal.kind == "tablet" else "AND $2::uuid IS NULL"
    documents = await admin.fetch(
        f"SELECT document::text FROM app.order_documents WHERE tenant_id = $1 {condition}",
        hotel.tenant_id,
        screen.principal.stay_id,
    )
    truth: dict[str, Document] = {}
    for row in documents:
        document = json.loads(row["document"])
        truth[document["id"]] = document
    assert screen.orders() == truth


async def test_every_screen_ends_equal_to_the_database(
    servers: Servers, settings: Settings, admin: Connection
) -> None:
    hotels = [await make_hotel(admin, rooms=ROOMS) for _ in range(HOTELS)]
    ledger = Ledger()
    with Fleet(settings, 2) as fleet:
        async with AsyncExitStack() as stack:
            cast: list[tuple[Screen, Hotel]] = []
            for hotel in hotels:
                principals = [hotel.tablet(room) for room in range(ROOMS)]
                principals += [hotel.kitchen(), *await hotel.more_kitchens(admin, KITCHENS - 1)]
                cast += [(Screen(principal, fleet.address), hotel) for principal in principals]
            assert len(cast) == 200
            for start in range(0, len(cast), 20):
                await asyncio.gather(
                    *(stack.enter_async_context(screen) for screen, _ in cast[start : start + 20])
                )
            async with asyncio.TaskGroup() as group:
                chaos = group.create_task(break_things(servers, admin, fleet, ledger))
                for seed, (screen, hotel) in enumerate(cast):
                    group.create_task(play(screen, hotel, ledger, seed))
            assert chaos.result() == ["redis", "relay", "hub", "redis", "relay"]

            await hush(admin, hotels)
            await lose_the_tail(servers, admin, hotels)
            for screen, hotel in cast:
                await check_screen(screen, admin, hotel, await head(admin, hotel))

            rows = await admin.fetch("SELECT id, op_id, created_at FROM app.orders")
            stored = {str(row["op_id"]): str(row["id"]) for row in rows}
            assert len(stored) == len(rows), "an order was made twice"
            assert stored == ledger.placed, "acknowledged orders and stored orders differ"
            assert set(stored) == ledger.began
            assert max(row["created_at"] for row in rows) < utc_now()
            assert sum(screen.connections for screen, _ in cast) > len(cast) + 100, "nobody was cut off"
