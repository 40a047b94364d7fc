"""What is old goes, in batches, and only that; a screen that stood on it starts from a snapshot."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

import pytest

from hub.db.pool import Role, create_pool
from hub.db.scope import utc_now
from hub.log.store import Log
from hub.ops.retention import Kept, Retention
from tests.factories import make_staff
from tests.ordering import Client

if TYPE_CHECKING:
    from hub.db.database import Database
    from hub.db.pool import Connection, Pool
    from hub.settings import Settings
    from tests.factories import Hotel


@pytest.fixture(scope="module")
async def relay_pool(settings: Settings) -> AsyncIterator[Pool]:
    pool = await create_pool(settings, Role.RELAY, 1)
    yield pool
    await pool.close()


async def at_once() -> None:
    """This process may prune."""


def retention(pool: Pool) -> Retention:
    return Retention(
        pool,
        at_once,
        utc_now,
        kept=Kept(
            events=timedelta(days=7),
            operations=timedelta(hours=48),
            sign_ins=timedelta(days=30),
            deliveries=timedelta(days=14),
            guests=timedelta(days=30),
            audit_months=24,
        ),
        every_seconds=600,
    )


async def test_old_events_and_answers_go_and_young_ones_stay(
    admin: Connection, database: Database, relay_pool: Pool, hotel: Hotel
) -> None:
    client = Client(database)
    old, young = uuid4(), uuid4()
    await client.place(hotel, {"soup": 1}, old)
    await admin.execute(
        "UPDATE app.events SET created_at = now() - interval '8 days' WHERE tenant_id = $1", hotel.tenant_id
    )
    await admin.execute(
        "UPDATE app.idempotency SET created_at = now() - interval '49 hours' WHERE op_id = $1", old
    )
    before = await admin.fetchval("SELECT seq FROM app.tenant_heads WHERE tenant_id = $1", hotel.tenant_id)
    await client.place(hotel, {"curry": 1}, young)

    await retention(relay_pool).prune()

    page = await Log(database, relay_pool).page(hotel.tenant_id, 0, 100)
    assert page.floor == before
    assert [event.seq for event in page.events] == [before + 1]
    kept = await admin.fetch("SELECT op_id FROM app.idempotency WHERE tenant_id = $1", hotel.tenant_id)
    assert [row["op_id"] for row in kept] == [young]
    assert await retention(relay_pool).prune() == 0


async def test_more_than_a_batch_goes_in_one_round(
    monkeypatch: pytest.MonkeyPatch, admin: Connection, relay_pool: Pool, hotel: Hotel
) -> None:
    monkeypatch.setattr("hub.ops.retention._BATCH", 3)
    monkeypatch.setattr("hub.ops.retention._PAUSE_SECONDS", 0)
    for price in range(1, 11):
        await admin.execute("UPDATE app.menu_items SET price = $2 WHERE id = $1", hotel.menu["soup"], price)
    await admin.execute("UPDATE app.events SET created_at = now() - interval '8 days'")
    await retention(relay_pool).prune()
    assert await admin.fetchval("SELECT count(*) FROM app.events") == 0
    head = await admin.fetchrow(
        "SELECT seq, floor FROM app.tenant_heads WHERE tenant_id = $1", hotel.tenant_id
    )
    assert head is not None
    assert head["seq"] == head["floor"]


async def test_guests_are_forgotten_and_it_is_written_down(
    admin: Connection, relay_pool: Pool, hotel: Hotel
) -> None:
    sealed = "guest_name_encrypted = 'v1:x', guest_phone_encrypted = 'v1:y', guest_phone_index = sha256('y')"
    await admin.execute(
        f"UPDATE app.stays SET {sealed}, started_at = now() - interval '60 days',"
        " ended_at = now() - CASE room_number WHEN '101' THEN interval '31 days' ELSE interval '29 days' END"
        " WHERE tenant_id = $1",
        hotel.tenant_id,
    )
    # one who still lives there is never forgotten
    await admin.execute(
        "INSERT INTO app.stays (tenant_id, room_number, guest_name_encrypted, started_at)"
        " VALUES ($1, '103', 'v1:z', now() - interval '90 days')",
        hotel.tenant_id,
    )
    assert await retention(relay_pool).prune() == 1
    rows = await admin.fetch(
        "SELECT room_number FROM app.stays WHERE tenant_id = $1 AND num_nonnulls(guest_name_encrypted,"
        " guest_phone_encrypted, guest_phone_index) = 0",
        hotel.tenant_id,
    )
    assert [row["room_number"] for row in rows] == ["101"]
    entry = await admin.fetchrow(
        "SELECT record, user_role, changed, old::text AS old FROM app.audit_logs"
        " WHERE tenant_id = $1 AND table_name = 'stays' AND operation = 'update'"
        " ORDER BY created_at DESC LIMIT 1",
        hotel.tenant_id,
    )
    assert entry is not None
    assert (entry["record"], entry["user_role"]) == (str(hotel.rooms[0].stay_id), "hub_relay")
    assert entry["changed"] == ["guest_name_encrypted", "guest_phone_encrypted", "guest_phone_index"]
    assert "v1:" not in entry["old"]
    assert await retention(relay_pool).prune() == 0


async def test_what_a_guest_must_not_eat_is_forgotten_without_a_name_too(
    admin: Connection, database: Database, relay_pool: Pool, hotel: Hotel
) -> None:
    client = Client(database)
    await admin.execute("UPDATE app.menu_items SET allergens = NULL WHERE tenant_id = $1", hotel.tenant_id)
    for room in (0, 1):
        for allergens in ([], ["soy"]):
            said = await client.call(hotel.tablet(room), "stay.declare", dict, allergens=allergens)
            assert said["stay"]["allergens"] == allergens
    orders = [
        await client.place(hotel, {"soup": 1}, room=room, allergens_confirmed=True) for room in (0, 0, 1)
    ]
    done, late, young = orders
    for order in (done, young):
        await client.cook(hotel, "order.cancel", order)
    await admin.execute(
        "UPDATE app.stays SET started_at = now() - interval '60 days',"
        " ended_at = now() - CASE room_number WHEN '101' THEN interval '31 days' ELSE interval '29 days' END"
        " WHERE tenant_id = $1",
        hotel.tenant_id,
    )
    events = await admin.fetchval("SELECT seq FROM app.tenant_heads WHERE tenant_id = $1", hotel.tenant_id)

    assert await retention(relay_pool).prune() == 2
    known = await admin.fetch(
        "SELECT room_number FROM app.stays WHERE tenant_id = $1"
        " AND num_nonnulls(allergens_version, allergens_declared_at) + cardinality(allergens) > 0",
        hotel.tenant_id,
    )
    assert [row["room_number"] for row in known] == ["102"]

    async def told() -> dict[UUID, tuple[object, ...]]:
        rows = await admin.fetch(
            "SELECT o.id, o.declared_allergens, o.allergens_version IS NOT NULL, i.conflicts"
            " FROM app.orders AS o JOIN app.order_items AS i ON i.order_id = o.id WHERE o.tenant_id = $1",
            hotel.tenant_id,
        )
        return {row[0]: tuple(row)[1:] for row in rows}

    kept = (["soy"], True, ["soy"])
    assert await told() == {done.id: ([], False, []), late.id: kept, young.id: kept}
    news = await admin.fetch(
        "SELECT subject FROM app.events WHERE tenant_id = $1 AND seq > $2", hotel.tenant_id, events
    )
    assert [row[0] for row in news] == [done.id], "whoever has it on a screen forgets it too"
    audit = "SELECT string_agg(a::text, '') FROM app.audit_logs AS a WHERE tenant_id = $1 AND record LIKE $2"
    for record in (str(hotel.rooms[0].stay_id), f"{done.id}%"):
        assert "soy" not in await admin.fetchval(audit, hotel.tenant_id, record)
    assert await retention(relay_pool).prune() == 0
    await client.cook(hotel, "order.cancel", late)
    assert await retention(relay_pool).prune() == 1, "the kitchen needs it no longer"
    assert (await told())[late.id] == ([], False, [])


async def test_a_hotel_that_is_busy_keeps_no_guest_of_another(
    admin: Connection, settings: Settings, hotel: Hotel, other_hotel: Hotel
) -> None:
    await admin.execute(
        "UPDATE app.stays SET guest_name_encrypted = 'v1:x', started_at = now() - interval '60 days',"
        " ended_at = now() - interval '31 days' WHERE tenant_id IN ($1, $2)",
        hotel.tenant_id,
        other_hotel.tenant_id,
    )
    first, second = sorted((hotel.tenant_id, other_hotel.tenant_id))
    remembered = "SELECT count(*) FROM app.stays WHERE tenant_id = $1 AND guest_name_encrypted IS NOT NULL"
    pool = await create_pool(settings, Role.RELAY, 1)
    try:
        await pool.execute("SET lock_timeout = '50ms'")
        async with admin.transaction():
            await admin.execute("SELECT FROM app.stays WHERE tenant_id = $1 FOR UPDATE", first)
            await retention(pool).prune()
        assert await admin.fetchval(remembered, first) == 2
        assert await admin.fetchval(remembered, second) == 0
        await retention(pool).prune()
        assert await admin.fetchval(remembered, first) == 0
    finally:
        pool.terminate()


async def test_old_deliveries_go_and_young_ones_stay(
    admin: Connection, relay_pool: Pool, hotel: Hotel
) -> None:
    webhook = await admin.fetchval(
        "INSERT INTO app.webhooks (tenant_id, url, secret_encrypted, events)"
        " VALUES ($1, 'https://hooks.example', 'v1:', '{order.paged}') RETURNING id",
        hotel.tenant_id,
    )
    await admin.execute(
        "INSERT INTO app.deliveries (tenant_id, webhook_id, kind, payload, next_attempt_at, created_at)"
        " SELECT $1, $2, 'webhook.test', json_build_object('days', days), NULL,"
        " now() - days * interval '1 day'"
        " FROM unnest(ARRAY[0, 13, 15, 100]) AS days",
        hotel.tenant_id,
        webhook,
    )
    assert await retention(relay_pool).prune() == 2
    kept = await admin.fetch("SELECT payload ->> 'days' FROM app.deliveries ORDER BY created_at DESC")
    assert [row[0] for row in kept] == ["0", "13"]


async def test_old_sign_ins_go_and_open_ones_stay(admin: Connection, relay_pool: Pool, hotel: Hotel) -> None:
    kept, ended, expired = [await make_staff(admin, hotel, "front") for _ in range(3)]
    for one, token in ((kept, "a"), (ended, "b"), (expired, "c")):
        await admin.execute(
            "INSERT INTO app.refresh_tokens (tenant_id, token_hash, session_id)"
            " VALUES ($1, sha256($2::text::bytea), $3)",
            hotel.tenant_id,
            token,
            one.session_id,
        )
    await admin.execute(
        "INSERT INTO app.refresh_tokens (tenant_id, token_hash, session_id, used_at)"
        " VALUES ($1, sha256('old'), $2, now() - interval '31 days'),"
        " ($1, sha256('new'), $2, now() - interval '29 days')",
        hotel.tenant_id,
        kept.session_id,
    )
    await admin.execute(
        "UPDATE app.staff_sessions SET ended_at = now() - interval '31 days', end_reason = 'signed_out'"
        " WHERE id = $1",
        ended.session_id,
    )
    await admin.execute(
        "UPDATE app.staff_sessions SET expires_at = now() - interval '31 days' WHERE id = $1",
        expired.session_id,
    )
    await admin.execute(
        "INSERT INTO app.staff_codes (tenant_id, code_hash, staff_id, purpose, expires_at)"
        " VALUES ($1, sha256('old'), $2, 'verify_email', now() - interval '31 days'),"
        " ($1, sha256('new'), $2, 'verify_email', now() - interval '1 day')",
        hotel.tenant_id,
        kept.id,
    )
    # a used token, two sessions, a code; their own tokens go with the sessions
    assert await retention(relay_pool).prune() == 4
    sessions = await admin.fetch("SELECT id FROM app.staff_sessions WHERE tenant_id = $1", hotel.tenant_id)
    assert [row["id"] for row in sessions] == [kept.session_id]
    for table, left in (("refresh_tokens", 2), ("staff_codes", 1)):
        count = f"SELECT count(*) FROM app.{table} WHERE tenant_id = $1"
        assert await admin.fetchval(count, hotel.tenant_id) == left


async def test_months_of_the_audit_are_made_ahead_and_go_when_they_are_over(
    admin: Connection, relay_pool: Pool
) -> None:
    now = utc_now()
    old = [f"audit_logs_{now.year - 2}_{now.month:02}", f"audit_logs_{now.year - 3}_{now.month:02}"]
    for name in old:
        year = int(name[11:15])
        await admin.execute(
            f"CREATE TABLE app.{name} PARTITION OF app.audit_logs"
            f" FOR VALUES FROM ('{year}-{now.month:02}-01') TO ('{year}-{now.month:02}-28')"
        )
        await admin.execute(f"ALTER TABLE app.{name} OWNER TO hub_owner")
    assert await retention(relay_pool).turn_months() == 1
    left = [
        row[0] for row in await admin.fetch("SELECT relname FROM pg_class WHERE relname ~ '^audit_logs_'")
    ]
    # the month of two years ago is not over for 24 months until this one is
    assert old[0] in left
    assert old[1] not in left
