"""Whom a step of the ladder tells, and what: nothing of the guest, and never a step without its messages."""

from __future__ import annotations

import logging
from datetime import datetime
from typing import TYPE_CHECKING, Final

import pytest

from hub.orders.messages import SeenReply
from tests.database.acting import hire
from tests.database.logbook import document
from tests.database.waiting import age, alerts, ladder, sent, webhook
from tests.ordering import Client

if TYPE_CHECKING:
    from hub.db.pool import Connection, Pool
    from tests.factories import Hotel

STEPS: Final = ["unseen", "hook", "chime", "page"]


@pytest.fixture(autouse=True)
async def nobody_else_waits(admin: Connection) -> None:
    await admin.execute("UPDATE app.orders SET accepted_at = now() WHERE accepted_at IS NULL")


async def test_who_is_told(
    client: Client, hotel: Hotel, other_hotel: Hotel, admin: Connection, pool: Pool
) -> None:
    every, paged = await webhook(admin, hotel), await webhook(admin, hotel, ("order.paged",))
    await webhook(admin, hotel, is_active=False)
    await webhook(admin, other_hotel)
    boss, doubtful, dismissed = [await hire(admin, hotel, "manager") for _ in range(3)]
    await hire(admin, hotel, "front")
    await hire(admin, other_hotel, "manager")
    await admin.execute("UPDATE app.staff SET email_verified = id <> $1", doubtful)
    await admin.execute("UPDATE app.staff SET is_active = false WHERE id = $1", dismissed)
    first, second = [await client.place(hotel, {"soup": 1}) for _ in range(2)]
    await age(admin, first, 200)
    await ladder(pool).look()
    told = await sent(admin, first)
    assert {(one.kind, one.webhook_id or one.staff_id) for one in told} == {
        ("order.unseen", every),
        ("order.unaccepted", every),
        ("order.paged", every),
        ("order.paged", paged),
        ("order.paged", boss),
    }
    assert len(told) == 5
    await age(admin, second, 200)
    await ladder(pool, letters=False).look()
    assert {one.staff_id for one in await sent(admin, second)} == {None}


async def test_a_message_says_what_it_must_and_nothing_of_the_guest(
    client: Client, hotel: Hotel, admin: Connection, pool: Pool
) -> None:
    await webhook(admin, hotel, ("order.unaccepted",))
    order = await client.place(hotel, {"soup": 1}, special_requests="my secret allergy")
    await client.call(hotel.kitchen(), "order.seen", SeenReply, order_ids=[str(order.id)])
    await age(admin, order, 91)
    await ladder(pool).look()
    text = await admin.fetchval("SELECT payload::text FROM app.deliveries WHERE order_id = $1", order.id)
    now = await document(admin, order.id)
    assert now.shown_at is not None

    def iso(moment: datetime) -> str:
        return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03}Z"

    taken = now.alerts.chime
    assert taken is not None
    assert text == (
        f'{{"type":"order.unaccepted","timestamp":"{iso(taken)}","data":{{"order_id":"{order.id}",'
        f'"order_number":{order.order_number},"room_number":"101","step":"chime","channel":"tablet",'
        f'"placed_at":"{iso(now.placed_at)}","fire_at":null,"shown_at":"{iso(now.shown_at)}"}}}}'
    )


async def test_no_step_without_what_it_sends(
    client: Client,
    hotel: Hotel,
    other_hotel: Hotel,
    admin: Connection,
    pool: Pool,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """And what is wrong in one hotel keeps no other one waiting."""
    orders = []
    for place in (hotel, other_hotel):
        await webhook(admin, place)
        orders.append(await client.place(place, {"soup": 1}))
        await age(admin, orders[-1], 200)
    await admin.execute(
        f"ALTER TABLE app.deliveries ADD CONSTRAINT broken CHECK (tenant_id <> '{hotel.tenant_id}')"
    )
    try:
        with caplog.at_level(logging.ERROR):
            await ladder(pool).look()
        assert "ladder was left" in caplog.text
        assert [await alerts(admin, order) for order in orders] == [[], STEPS]
    finally:
        await admin.execute("ALTER TABLE app.deliveries DROP CONSTRAINT broken")
    await ladder(pool).look()
    assert await alerts(admin, orders[0]) == STEPS


async def test_the_audit_says_who_took_a_step(
    client: Client, hotel: Hotel, admin: Connection, pool: Pool
) -> None:
    order = await client.place(hotel, {"soup": 1})
    await age(admin, order, 11)
    await ladder(pool).look()
    entry = await admin.fetchrow(
        "SELECT user_role, changed FROM app.audit_logs WHERE record = $1 ORDER BY created_at DESC LIMIT 1",
        str(order.id),
    )
    assert entry is not None
    assert (entry["user_role"], entry["changed"]) == ("hub_relay", ["alerts", "version"])
