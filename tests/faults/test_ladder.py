"""The process that climbs the ladder dies or stands still between two steps, or with a message in its hands:
every step is taken once, and every message arrives."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING

import pytest

from hub.hooks.desk import HookDesk
from hub.hooks.model import NewWebhook
from hub.security.sealing import MasterKeys
from hub.security.vault import Vault
from tests.conftest import MASTER_KEY
from tests.database.logbook import Logbook
from tests.database.waiting import age, alerts
from tests.factories import make_staff
from tests.faults.fleet import Fleet, relay_holder
from tests.hooks.receiver import Receiver, fine, receiving, silent
from tests.ordering import Client

if TYPE_CHECKING:
    from hub.db.database import Database
    from hub.db.pool import Connection
    from hub.orders.documents import Order
    from hub.settings import Settings
    from tests.factories import Hotel

pytestmark = [pytest.mark.faults, pytest.mark.slow]

# The server gives a silent relay ten seconds; the rest is for a busy machine.
SECONDS = 40.0


@pytest.fixture(scope="module")
def fleet(settings: Settings) -> Iterator[Fleet]:
    """Two hubs, which may speak to this machine."""
    with Fleet(settings, 2, HUB_WEBHOOK_PRIVATE="true") as two:
        yield two


@pytest.fixture
async def receiver(admin: Connection, database: Database, hotel: Hotel) -> AsyncIterator[Receiver]:
    """The hotel's own system, which is told everything."""
    async with receiving() as receiver:
        desk = HookDesk(database, Vault(MasterKeys((MASTER_KEY,))), private=True)
        url = receiver.url.replace("hooks.example", "127.0.0.1")
        await desk.add(
            await make_staff(admin, hotel, "manager"),
            NewWebhook(url, ("order.unseen", "order.unaccepted", "order.paged")),
        )
        yield receiver


async def reached(admin: Connection, order: Order, steps: list[str]) -> None:
    """When exactly these steps are taken."""
    async with asyncio.timeout(SECONDS):
        while True:
            taken = await alerts(admin, order)
            if taken == steps:
                return
            assert len(taken) < len(steps)
            await asyncio.sleep(0.02)


async def told(admin: Connection, order: Order) -> list[str]:
    """The kinds of what has arrived, when nothing is on its way any more."""
    async with asyncio.timeout(SECONDS):
        while True:
            rows = await admin.fetch(
                "SELECT kind, delivered_at FROM app.deliveries WHERE order_id = $1 ORDER BY created_at",
                order.id,
            )
            if all(row["delivered_at"] is not None for row in rows):
                return [row["kind"] for row in rows]
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("how", ["killed", "frozen"])
async def test_who_leads_goes_away_between_two_steps(
    admin: Connection, database: Database, fleet: Fleet, hotel: Hotel, receiver: Receiver, how: str
) -> None:
    order = await Client(database).place(hotel, {"soup": 1})
    log = await Logbook(admin, hotel.tenant_id).skip()
    await age(admin, order, 31)
    await reached(admin, order, ["unseen", "hook"])
    assert await told(admin, order) == ["order.unseen"]
    holder = await relay_holder(admin, fleet)
    (holder.freeze if how == "frozen" else holder.kill)()
    try:
        await age(admin, order, 91)
        await reached(admin, order, ["unseen", "hook", "chime"])
        assert await relay_holder(admin, fleet) is not holder
        assert await told(admin, order) == ["order.unseen", "order.unaccepted"]
    finally:
        if how == "frozen":
            holder.thaw()
        else:
            holder.start()
            await asyncio.to_thread(holder.wait_ready)
    await age(admin, order, 181)
    await reached(admin, order, ["unseen", "hook", "chime", "page"])
    assert await told(admin, order) == ["order.unseen", "order.unaccepted", "order.paged"]
    # one for each time that it was made older, and one for each step
    assert [event.kind for event in await log.new()] == ["order"] * 6
    assert len({got.headers["webhook-id"] for got in receiver.got}) == len(receiver.got) == 3


async def test_all_that_was_due_while_nobody_was_there(
    admin: Connection, database: Database, fleet: Fleet, hotel: Hotel, receiver: Receiver
) -> None:
    """Both are dead; the first to come back takes every step at once."""
    for member in fleet.members:
        await asyncio.to_thread(member.kill)
    orders = [await Client(database).place(hotel, {"soup": 1}) for _ in range(3)]
    for order in orders:
        await age(admin, order, 600)
    for member in fleet.members:
        member.start()
    for member in fleet.members:
        await asyncio.to_thread(member.wait_ready)
    for order in orders:
        await reached(admin, order, ["unseen", "hook", "chime", "page"])
        assert await told(admin, order) == ["order.unseen", "order.unaccepted", "order.paged"]
    assert len({got.headers["webhook-id"] for got in receiver.got}) == len(receiver.got) == 9


async def test_who_dies_with_a_message_in_the_hands(
    admin: Connection, database: Database, fleet: Fleet, hotel: Hotel, receiver: Receiver
) -> None:
    receiver.answers = silent
    order = await Client(database).place(hotel, {"soup": 1})
    await age(admin, order, 31)
    await receiver.several(1)
    holder = await relay_holder(admin, fleet)
    holder.kill()
    receiver.answers = fine
    # as if its lease were over
    await admin.execute("UPDATE app.deliveries SET next_attempt_at = now() WHERE order_id = $1", order.id)
    assert await told(admin, order) == ["order.unseen"]
    first, second = receiver.got
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert first.body == second.body
    holder.start()
    await asyncio.to_thread(holder.wait_ready)
