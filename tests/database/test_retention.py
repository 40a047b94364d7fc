"""What is old goes, in batches, and only that; a screen that stood on it starts from a snapshot."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from hub.db.pool import Role, create_pool
from hub.db.scope import utc_now
from hub.log.store import Log
from hub.ops.retention import Retention
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
        events=timedelta(days=7),
        operations=timedelta(hours=48),
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
