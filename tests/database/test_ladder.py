"""The steps of an order that nobody sees or accepts: each in its time and once, whoever looks and whatever
happens between two looks. Times are moved, not waited for."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

import asyncpg
import pytest

from hub.db.database import Database
from hub.db.scope import utc_now
from hub.orders.documents import ChangedOrder
from hub.orders.messages import SeenReply
from tests.database.logbook import Logbook, document, writer
from tests.database.waiting import age, alerts, ladder, sent, webhook
from tests.locks import waiting_for_a_lock
from tests.ordering import Client

if TYPE_CHECKING:
    from hub.db.pool import Connection, Pool
    from hub.settings import Settings
    from tests.factories import Hotel

STEPS: Final = ["unseen", "hook", "chime", "page"]


@pytest.fixture(autouse=True)
async def nobody_else_waits(admin: Connection) -> None:
    await admin.execute("UPDATE app.orders SET accepted_at = now() WHERE accepted_at IS NULL")


async def show(client: Client, hotel: Hotel, *order_ids: object) -> None:
    ids = [str(one) for one in order_ids]
    await client.call(hotel.kitchen(), "order.seen", SeenReply, order_ids=ids)


@pytest.mark.parametrize(
    ("seconds", "shown", "taken"),
    [
        (8, False, []),
        (11, False, STEPS[:1]),
        (28, False, STEPS[:1]),
        (31, False, STEPS[:2]),
        (88, False, STEPS[:2]),
        (91, False, STEPS[:3]),
        (178, False, STEPS[:3]),
        (181, False, STEPS),
        (86_400, False, STEPS),
        (88, True, []),
        (91, True, ["chime"]),
        (181, True, ["chime", "page"]),
    ],
)
async def test_each_step_has_its_time(
    client: Client, hotel: Hotel, admin: Connection, pool: Pool, seconds: int, shown: bool, taken: list[str]
) -> None:
    order = await client.place(hotel, {"soup": 1})
    if shown:
        await show(client, hotel, order.id)
    await age(admin, order, seconds)
    before = await document(admin, order.id)
    log = await Logbook(admin, hotel.tenant_id).skip()
    for _ in range(3):
        await ladder(pool).look()
    assert await alerts(admin, order) == taken
    # however many steps were due, the screens hear of them once, and of nothing when there was none
    events = await log.new()
    assert len(events) == (1 if taken else 0)
    assert (await document(admin, order.id)).version == before.version + len(events)
    for event in events:
        assert set(event.topics) == {"kitchen", f"stay:{order.stay_id}"}
        told = event.order.alerts
        at = [getattr(told, step) for step in STEPS if step in taken]
        assert all(abs(datetime.now(UTC) - moment) < timedelta(seconds=30) for moment in at)
        assert [step for step in STEPS if getattr(told, step) is not None] == taken


async def test_nobody_is_called_for_what_a_guest_has_taken_from_the_fridge(
    client: Client, hotel: Hotel, admin: Connection, pool: Pool
) -> None:
    order = await client.place(hotel, {"soup": 1})
    await admin.execute("UPDATE app.orders SET delivery_type = 'fridge' WHERE id = $1", order.id)
    await age(admin, order, 3600)
    await ladder(pool).look()
    assert await alerts(admin, order) == []


async def test_steps_come_one_after_the_other_whoever_looks(
    client: Client, hotel: Hotel, admin: Connection, pool: Pool
) -> None:
    """Each look is by a process that has just begun."""
    hook = await webhook(admin, hotel)
    order = await client.place(hotel, {"soup": 1})
    for seconds, known in ((11, 1), (31, 2), (91, 3), (181, 4)):
        await age(admin, order, seconds)
        await ladder(pool).look()
        assert await alerts(admin, order) == STEPS[:known]
    told = await sent(admin, order)
    assert [(one.kind, one.step, one.webhook_id) for one in told] == [
        ("order.unseen", "hook", hook),
        ("order.unaccepted", "chime", hook),
        ("order.paged", "page", hook),
    ]


async def test_what_was_due_while_nobody_looked_comes_at_once_and_in_order(
    client: Client, hotel: Hotel, admin: Connection, pool: Pool
) -> None:
    await webhook(admin, hotel)
    order = await client.place(hotel, {"soup": 1})
    await age(admin, order, 3600)
    await ladder(pool).look()
    assert await alerts(admin, order) == STEPS
    assert [one.step for one in await sent(admin, order)] == STEPS[1:]


async def test_of_two_who_look_at_once_one_takes_each_step(
    client: Client, hotel: Hotel, other_hotel: Hotel, admin: Connection, pool: Pool
) -> None:
    orders = []
    for place in (hotel, other_hotel):
        await webhook(admin, place)
        orders += [await client.place(place, {"soup": 1}, room=n % 2) for n in range(25)]
    for order in orders:
        await age(admin, order, 200)
    logs = [await Logbook(admin, place.tenant_id).skip() for place in (hotel, other_hotel)]
    several = [ladder(pool) for _ in range(4)]
    await asyncio.gather(*(one.look() for one in several for _ in range(2)))
    await several[0].look()
    for order in orders:
        assert await alerts(admin, order) == STEPS
        assert [one.step for one in await sent(admin, order)] == STEPS[1:]
    assert [len(await log.new()) for log in logs] == [25, 25]
    assert sum(sum(one.raised.values()) for one in several) == 50 * len(STEPS)


@pytest.mark.parametrize(
    "end",
    [
        "accepted_at = now(), shown_at = now()",
        "status = 'cancelled'",
        "status = 'cooking', accepted_at = now()",
        "status = 'ready'",
        "fire_at = now() + interval '1 hour', due_at = now() + interval '2 hours'",
    ],
)
async def test_nothing_waits_that_was_accepted_cancelled_or_is_for_later(
    client: Client, hotel: Hotel, admin: Connection, pool: Pool, end: str
) -> None:
    order = await client.place(hotel, {"soup": 1})
    await age(admin, order, 3600)
    await admin.execute(f"UPDATE app.orders SET {end} WHERE id = $1", order.id)
    await ladder(pool).look()
    assert await alerts(admin, order) == []
    assert await sent(admin, order) == []


@pytest.mark.parametrize(
    ("placed", "fire", "taken"),
    [(3600, 31, STEPS[:2]), (3600, 2, []), (3600, -60, []), (5, 3600, []), (31, 3600, STEPS[:2])],
)
async def test_a_scheduled_order_waits_from_its_own_time_on(
    client: Client, hotel: Hotel, admin: Connection, pool: Pool, placed: int, fire: int, taken: list[str]
) -> None:
    """But never from before it was stored."""
    order = await client.place(hotel, {"soup": 1})
    await age(admin, order, placed)
    await admin.execute(
        "UPDATE app.orders SET fire_at = now() - make_interval(secs => $2), due_at = now() WHERE id = $1",
        order.id,
        fire,
    )
    await ladder(pool).look()
    assert await alerts(admin, order) == taken


@pytest.mark.parametrize("minutes", [-10, 10])
async def test_a_wrong_clock_of_the_node_that_places_moves_nothing(
    database: Database, hotel: Hotel, admin: Connection, pool: Pool, minutes: int
) -> None:
    wrong = Database(database.pool, clock=lambda: utc_now() + timedelta(minutes=minutes))
    order = await Client(wrong).place(hotel, {"soup": 1})
    await ladder(pool).look()
    assert await alerts(admin, order) == []
    await age(admin, order, 31)
    await ladder(pool).look()
    assert await alerts(admin, order) == STEPS[:2]


@pytest.mark.parametrize("end", ["status = 'suspended'", "contract_end = '2020-01-01'"])
async def test_a_hotel_that_is_not_served_rests(
    client: Client, hotel: Hotel, admin: Connection, pool: Pool, end: str
) -> None:
    """Nobody there can accept an order."""
    await webhook(admin, hotel)
    order = await client.place(hotel, {"soup": 1})
    await age(admin, order, 200)
    await admin.execute(f"UPDATE app.tenants SET {end} WHERE id = $1", hotel.tenant_id)
    assert await ladder(pool).look() == 1.0
    assert (await alerts(admin, order), await sent(admin, order)) == ([], [])
    await admin.execute(
        "UPDATE app.tenants SET status = 'active', contract_end = NULL WHERE id = $1", hotel.tenant_id
    )
    await ladder(pool).look()
    assert await alerts(admin, order) == STEPS


async def test_a_heap_of_one_hotel_is_taken_piece_by_piece(
    client: Client, hotel: Hotel, other_hotel: Hotel, admin: Connection, pool: Pool
) -> None:
    """So that others have their turn between two pieces."""
    heap = [await client.place(hotel, {"soup": 1}, room=n % 2) for n in range(25)]
    for order in heap:
        await age(admin, order, 400)
    other = await client.place(other_hotel, {"soup": 1})
    await age(admin, other, 200)
    assert await ladder(pool).look() == 0.0, "there is more"
    assert await alerts(admin, other) == STEPS
    assert sorted([await alerts(admin, order) for order in heap]) == [[]] * 5 + [STEPS] * 20
    assert await ladder(pool).look() == 1.0
    assert [await alerts(admin, order) for order in heap] == [STEPS] * 25


async def test_a_hotel_has_its_own_times(client: Client, hotel: Hotel, admin: Connection, pool: Pool) -> None:
    await admin.execute(
        'UPDATE app.tenants SET settings = settings || \'{"alert_unseen_seconds": 60,'
        ' "alert_hook_seconds": 100, "alert_chime_seconds": 120}\' WHERE id = $1',
        hotel.tenant_id,
    )
    order = await client.place(hotel, {"soup": 1})
    for seconds, known in ((58, 0), (61, 1), (98, 1), (101, 2), (121, 3), (181, 4)):
        await age(admin, order, seconds)
        await ladder(pool).look()
        assert await alerts(admin, order) == STEPS[:known], seconds


@pytest.mark.parametrize(
    "wrong",
    ['{"alert_unseen_seconds": 31}', '{"alert_hook_seconds": 91}', '{"alert_chime_seconds": 181}',
     '{"alert_page_seconds": 89}', '{"alert_unseen_seconds": 2}', '{"alert_every_seconds": 4}',
     '{"alert_page_seconds": 7201}'],
)  # fmt: skip
async def test_the_times_rise(admin: Connection, hotel: Hotel, wrong: str) -> None:
    with pytest.raises(asyncpg.CheckViolationError, match="tenants_settings_alerts"):
        await admin.execute("UPDATE app.tenants SET settings = $2 WHERE id = $1", hotel.tenant_id, wrong)


async def test_an_order_in_somebodys_hands_is_looked_at_afterwards(
    client: Client, hotel: Hotel, admin: Connection, pool: Pool, settings: Settings
) -> None:
    held, other = [await client.place(hotel, {"soup": 1}) for _ in range(2)]
    for order in (held, other):
        await age(admin, order, 200)
    async with writer(settings) as cook, cook.transaction():
        await cook.execute("UPDATE app.orders SET accepted_at = now() WHERE id = $1", held.id)
        async with asyncio.timeout(5):
            assert await ladder(pool).look() == 1.0
            assert await alerts(admin, other) == STEPS
            # that of the cook alone is due: it is soon asked for again
            assert await ladder(pool).look() < 1.0
    assert await ladder(pool).look() == 1.0
    assert await alerts(admin, held) == [], "it was accepted meanwhile"


async def test_what_changes_while_others_are_taken_is_seen(
    client: Client, hotel: Hotel, admin: Connection, pool: Pool, settings: Settings
) -> None:
    """A screen shows an order after the look has begun, and before it comes to that order."""
    orders = [await client.place(hotel, {"soup": 1}) for _ in range(15)]
    for order in orders:
        await age(admin, order, 31)
    await admin.execute(
        "CREATE FUNCTION app.hold() RETURNS trigger LANGUAGE plpgsql AS"
        " 'BEGIN PERFORM pg_advisory_xact_lock(271828); RETURN NEW; END';"
        " GRANT EXECUTE ON FUNCTION app.hold() TO hub_log;"
        " CREATE TRIGGER hold BEFORE UPDATE ON app.orders FOR EACH ROW"
        f" WHEN (NEW.id = '{orders[0].id}') EXECUTE FUNCTION app.hold()"
    )
    try:
        async with writer(settings) as holder:
            await holder.execute("SELECT pg_advisory_lock(271828)")
            looking = asyncio.create_task(ladder(pool).look())
            await waiting_for_a_lock(admin, role="hub_relay")
            await show(client, hotel, orders[-1].id)
            await holder.execute("SELECT pg_advisory_unlock(271828)")
            await looking
    finally:
        await admin.execute("DROP TRIGGER hold ON app.orders; DROP FUNCTION app.hold()")
    assert [await alerts(admin, order) for order in orders] == [*[STEPS[:2]] * 14, []]


async def test_it_sleeps_until_the_next_step(
    client: Client, hotel: Hotel, admin: Connection, pool: Pool
) -> None:
    assert await ladder(pool).look() == 1.0
    order = await client.place(hotel, {"soup": 1})
    await age(admin, order, 9.5)
    assert 0.1 < await ladder(pool).look() <= 0.5


async def test_a_guest_who_cancels_ends_it(
    client: Client, hotel: Hotel, admin: Connection, pool: Pool
) -> None:
    order = await client.place(hotel, {"soup": 1})
    await age(admin, order, 31)
    await ladder(pool).look()
    await client.call(hotel.tablet(), "order.cancel", ChangedOrder, order_id=order.id)
    await age(admin, order, 3600)
    await ladder(pool).look()
    assert await alerts(admin, order) == ["unseen", "hook"]
