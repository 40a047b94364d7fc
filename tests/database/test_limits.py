"""What a plan allows is held by the database, whoever writes, and also when two come for the last place."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final
from uuid import UUID, uuid4

import asyncpg
import msgspec
import pytest

from tests.database.logbook import until_waiting, writer
from tests.factories import Hotel

if TYPE_CHECKING:
    from hub.db.pool import Connection
    from hub.settings import Settings

# One more of each, with $2 as what makes it differ from the others; a plan counts files in bytes.
ONE_MORE: Final = {
    "rooms": "INSERT INTO app.device_rooms (tenant_id, device_name, device_type, room_number)"
    " VALUES ($1, 'Tablet', 'tablet', $2) RETURNING id",
    "users": "INSERT INTO app.staff (tenant_id, email_index, email_encrypted, password_hash, name, role)"
    " VALUES ($1, sha256($2::text::bytea), 'v1:', 'x', 'Aiko', 'kitchen') RETURNING id",
    "storage": "INSERT INTO app.files (tenant_id, name, media_type, content)"
    " VALUES ($1, $2, 'image/png', decode(repeat('00', 100), 'hex')) RETURNING id",
}
COLUMN: Final = {"rooms": "room_limit", "users": "user_limit", "storage": "storage_limit"}
TABLE: Final = {"rooms": "device_rooms", "users": "staff", "storage": "files"}
UNIT: Final = {"rooms": 1, "users": 1, "storage": 100}
# What makes room for another one, and what would take that room again.
FREES: Final = {
    "rooms": ("status = 'lost'", "status = 'pending'"),
    "users": ("is_active = false", "is_active = true"),
    "storage": ("content = ''", "content = decode(repeat('00', 100), 'hex')"),
}
LIMITS: Final = tuple(ONE_MORE)


async def add(connection: Connection, hotel: Hotel, limit: str) -> UUID:
    made: UUID = await connection.fetchval(ONE_MORE[limit], hotel.tenant_id, uuid4().hex[:20])
    return made


async def allow(admin: Connection, hotel: Hotel, limit: str, places: int) -> None:
    await admin.execute(
        f"UPDATE app.tenants SET {COLUMN[limit]} = $2 WHERE id = $1", hotel.tenant_id, places * UNIT[limit]
    )


def detail(refused: asyncpg.PostgresError) -> dict[str, object]:
    assert refused.sqlstate == "HUB03"
    return msgspec.json.decode(refused.detail or "", type=dict[str, object])


async def full(admin: Connection, hotel: Hotel, limit: str) -> tuple[int, list[UUID]]:
    """Two more, and the plan allows no third; how many places that are. A new hotel has two tablets."""
    places = (2 if limit == "rooms" else 0) + 2
    await allow(admin, hotel, limit, places)
    return places, [await add(admin, hotel, limit) for _ in range(2)]


@pytest.mark.parametrize("limit", LIMITS)
async def test_one_over_the_plan(psql: Connection, hotel: Hotel, limit: str) -> None:
    places, _ = await full(psql, hotel, limit)
    with pytest.raises(asyncpg.PostgresError) as caught:
        await add(psql, hotel, limit)
    assert detail(caught.value) == {
        "limit": limit,
        "allowed": places * UNIT[limit],
        "used": (places + 1) * UNIT[limit],
    }


@pytest.mark.parametrize("limit", LIMITS)
async def test_a_place_that_is_free_again(admin: Connection, hotel: Hotel, limit: str) -> None:
    _, (first, _) = await full(admin, hotel, limit)
    frees, takes = FREES[limit]
    await admin.execute(f"UPDATE app.{TABLE[limit]} SET {frees} WHERE id = $1", first)
    third = await add(admin, hotel, limit)
    # it is taken now, and does not come back by an update either
    with pytest.raises(asyncpg.PostgresError) as caught:
        await admin.execute(f"UPDATE app.{TABLE[limit]} SET {takes} WHERE id = $1", first)
    assert detail(caught.value)["limit"] == limit
    await admin.execute(f"UPDATE app.{TABLE[limit]} SET {frees} WHERE id = $1", third)
    await admin.execute(f"UPDATE app.{TABLE[limit]} SET {takes} WHERE id = $1", first)


@pytest.mark.parametrize("limit", LIMITS)
async def test_a_lowered_plan_takes_nothing_away(admin: Connection, hotel: Hotel, limit: str) -> None:
    _, (first, second) = await full(admin, hotel, limit)
    await allow(admin, hotel, limit, 1)
    # what is there stays, changes and goes; nothing comes
    await admin.execute(f"UPDATE app.{TABLE[limit]} SET updated_at = now() WHERE id = $1", first)
    with pytest.raises(asyncpg.PostgresError) as caught:
        await add(admin, hotel, limit)
    assert detail(caught.value)["allowed"] == UNIT[limit]
    await admin.execute(f"UPDATE app.{TABLE[limit]} SET {FREES[limit][0]} WHERE id = $1", second)
    # and a raised one gives at once
    await allow(admin, hotel, limit, 9)
    await add(admin, hotel, limit)


@pytest.mark.parametrize("limit", LIMITS)
async def test_two_at_once_for_the_last_place(
    settings: Settings, admin: Connection, hotel: Hotel, limit: str
) -> None:
    places, _ = await full(admin, hotel, limit)
    await allow(admin, hotel, limit, places + 1)
    async with writer(settings) as first, writer(settings) as second:
        transaction = first.transaction()
        await transaction.start()
        await add(first, hotel, limit)
        late = asyncio.create_task(add(second, hotel, limit))
        # it counts when the first one's end is known
        await until_waiting(admin, second.get_server_pid())
        await transaction.commit()
        with pytest.raises(asyncpg.PostgresError) as caught:
            await late
        assert detail(caught.value)["limit"] == limit


@pytest.mark.parametrize("limit", LIMITS)
async def test_the_last_place_that_was_given_back(
    settings: Settings, admin: Connection, hotel: Hotel, limit: str
) -> None:
    places, _ = await full(admin, hotel, limit)
    await allow(admin, hotel, limit, places + 1)
    async with writer(settings) as first, writer(settings) as second:
        transaction = first.transaction()
        await transaction.start()
        await add(first, hotel, limit)
        late = asyncio.create_task(add(second, hotel, limit))
        await until_waiting(admin, second.get_server_pid())
        await transaction.rollback()
        await late


@pytest.mark.parametrize("limit", LIMITS)
async def test_hotels_do_not_wait_for_each_other(
    settings: Settings, admin: Connection, hotel: Hotel, other_hotel: Hotel, limit: str
) -> None:
    await full(admin, hotel, limit)
    async with writer(settings) as connection, connection.transaction():
        await add(connection, other_hotel, limit)
        await admin.execute("SET lock_timeout = '3s'")
        await allow(admin, hotel, limit, 9)
        await add(admin, hotel, limit)
        await admin.execute("RESET lock_timeout")


async def test_many_rows_of_one_statement(admin: Connection, hotel: Hotel) -> None:
    await allow(admin, hotel, "rooms", 4)
    many = (
        "INSERT INTO app.device_rooms (tenant_id, device_name, device_type, room_number)"
        " SELECT $1, 'Tablet', 'tablet', n::text FROM generate_series(1, $2::integer) AS n"
    )
    with pytest.raises(asyncpg.PostgresError) as caught:
        await admin.execute(many, hotel.tenant_id, 3)
    assert detail(caught.value) == {"limit": "rooms", "allowed": 4, "used": 5}
    await admin.execute(many, hotel.tenant_id, 2)


async def test_who_cannot_see_the_others_may_not_count(admin: Connection, hotel: Hotel) -> None:
    """In REPEATABLE READ the rows of whoever came first would be missing from the count."""
    with pytest.raises(asyncpg.FeatureNotSupportedError):
        async with admin.transaction(isolation="repeatable_read"):
            await add(admin, hotel, "users")
    async with admin.transaction(isolation="serializable"):
        await add(admin, hotel, "users")


async def test_a_file_that_grows(admin: Connection, hotel: Hotel) -> None:
    _, (first, _) = await full(admin, hotel, "storage")
    with pytest.raises(asyncpg.PostgresError) as caught:
        await admin.execute("UPDATE app.files SET content = content || '\\x00' WHERE id = $1", first)
    assert detail(caught.value) == {"limit": "storage", "allowed": 200, "used": 201}


async def test_kitchen_screens_take_no_room(admin: Connection, hotel: Hotel) -> None:
    await allow(admin, hotel, "rooms", 2)
    await admin.execute(
        "INSERT INTO app.device_rooms (tenant_id, device_name, device_type)"
        " VALUES ($1, 'K', 'kitchen_screen')",
        hotel.tenant_id,
    )
    with pytest.raises(asyncpg.PostgresError) as caught:
        await admin.execute(
            "UPDATE app.device_rooms SET device_type = 'tablet' WHERE tenant_id = $1 AND device_name = 'K'",
            hotel.tenant_id,
        )
    assert detail(caught.value)["limit"] == "rooms"


async def test_nothing_is_counted_where_it_does_not_belong(
    admin: Connection, hotel: Hotel, other_hotel: Hotel
) -> None:
    """A row that went to another hotel would be counted nowhere."""
    for limit in LIMITS:
        made = await add(admin, hotel, limit)
        with pytest.raises(asyncpg.IntegrityConstraintViolationError):
            await admin.execute(
                f"UPDATE app.{TABLE[limit]} SET tenant_id = $2 WHERE id = $1", made, other_hotel.tenant_id
            )
