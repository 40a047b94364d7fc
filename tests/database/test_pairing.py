"""A device shows a code, a member of staff approves it for a device of the hotel; of two at once one wins.
The same for codes that a page exchanges."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from hashlib import sha256
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

import asyncpg
import pytest
from msgspec import Struct

from hub.db.pool import Role
from tests.database.acting import scope
from tests.database.logbook import Logbook, until_waiting, writer
from tests.factories import Hotel

if TYPE_CHECKING:
    from hub.db.pool import Connection
    from hub.settings import Settings


class Waiting(Struct, frozen=True):
    """A device that waits, by the hashes that the database knows."""

    secret: bytes
    code: bytes


@pytest.fixture(scope="module")
async def auth(settings: Settings) -> AsyncIterator[Connection]:
    async with writer(settings, Role.AUTH.value) as connection:
        yield connection


@pytest.fixture(scope="module")
async def api(settings: Settings) -> AsyncIterator[Connection]:
    async with writer(settings, Role.API.value) as connection:
        yield connection


async def start(
    auth: Connection, kind: str = "tablet", *, code: bytes | None = None, seconds: float = 600
) -> Waiting | None:
    """A device begins to wait, unless its code is taken."""
    made = Waiting(sha256(uuid4().bytes).digest(), code or sha256(uuid4().bytes).digest())
    taken = await auth.fetchval(
        "SELECT app.start_pairing($1, $2, $3, 'Tablet 9, Chrome', $4)",
        made.secret,
        made.code,
        kind,
        timedelta(seconds=seconds),
    )
    return made if taken else None


async def waits(auth: Connection, kind: str = "tablet", *, seconds: float = 600) -> Waiting:
    made = await start(auth, kind, seconds=seconds)
    assert made is not None
    return made


async def new_tablet(admin: Connection, hotel: Hotel, status: str = "pending", room: str = "909") -> UUID:
    made: UUID = await admin.fetchval(
        "INSERT INTO app.device_rooms (tenant_id, device_name, device_type, room_number, status)"
        " VALUES ($1, 'New', 'tablet', $3, $2) RETURNING id",
        hotel.tenant_id,
        status,
        room,
    )
    return made


async def approve(api: Connection, hotel: Hotel, code: bytes, device: UUID | None) -> bool:
    async with scope(api, hotel.tenant_id):
        return bool(await api.fetchval("SELECT app.approve_pairing($1, $2)", code, device))


async def becomes(auth: Connection, waiting: Waiting) -> tuple[object, ...] | None:
    """What the device is told: its hotel and its id, nulls while it waits, nothing when it is over."""
    row = await auth.fetchrow("SELECT tenant_id, device_id FROM app.poll_pairing($1)", waiting.secret)
    return None if row is None else tuple(row)


async def stands_behind(api: Connection, hotel: Hotel, code: bytes) -> str | None:
    async with scope(api, hotel.tenant_id):
        found = await api.fetchval("SELECT device_type FROM app.find_pairing($1)", code)
    return None if found is None else str(found)


async def credential(admin: Connection, device: UUID) -> tuple[object, ...]:
    row = await admin.fetchrow("SELECT status, credential_hash FROM app.device_rooms WHERE id = $1", device)
    assert row is not None
    return tuple(row)


async def test_the_secret_becomes_the_credential(
    auth: Connection, api: Connection, admin: Connection, hotel: Hotel
) -> None:
    waiting, device = await waits(auth), await new_tablet(admin, hotel)
    assert await becomes(auth, waiting) == (None, None)
    assert await stands_behind(api, hotel, waiting.code) == "tablet"
    assert await approve(api, hotel, waiting.code, device) is True
    # an answer that got lost is given again
    for _ in range(2):
        assert await becomes(auth, waiting) == (hotel.tenant_id, device)
    assert await credential(admin, device) == ("active", waiting.secret)
    # and the code is good for nothing more
    assert await stands_behind(api, hotel, waiting.code) is None
    assert await approve(api, hotel, waiting.code, await new_tablet(admin, hotel)) is False


async def test_what_the_member_of_staff_is_shown(auth: Connection, api: Connection, hotel: Hotel) -> None:
    waiting = await waits(auth, "kitchen_screen", seconds=600)
    async with scope(api, hotel.tenant_id):
        row = await api.fetchrow("SELECT * FROM app.find_pairing($1)", waiting.code)
    assert row is not None
    assert (row["device_type"], row["client"]) == ("kitchen_screen", "Tablet 9, Chrome")
    assert row["expires_at"] - row["created_at"] == timedelta(seconds=600)


async def test_no_approval(
    auth: Connection, api: Connection, admin: Connection, hotel: Hotel, other_hotel: Hotel
) -> None:
    """What is wrong makes no difference to the answer, and burns nothing."""
    waiting, over = await waits(auth), await waits(auth, seconds=-1)
    device, theirs = await new_tablet(admin, hotel), await new_tablet(admin, other_hotel)
    deleted = await new_tablet(admin, hotel)
    await admin.execute("UPDATE app.device_rooms SET deleted_at = now() WHERE id = $1", deleted)
    retired = await new_tablet(admin, hotel, "retired")
    for code, wanted in (
        (over.code, device),
        (sha256(b"nobody's").digest(), device),
        (waiting.secret, device),
        (waiting.code, hotel.kitchen_id),
        (waiting.code, theirs),
        (waiting.code, deleted),
        (waiting.code, retired),
        (waiting.code, uuid4()),
        (waiting.code, None),
    ):
        assert await approve(api, hotel, code, wanted) is False
    assert await becomes(auth, waiting) == (None, None)
    assert await credential(admin, theirs) == ("pending", None)
    assert await credential(admin, retired) == ("retired", None)
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="no tenant is set"):
        await api.fetchval("SELECT app.approve_pairing($1, $2)", waiting.code, device)
    assert await approve(api, hotel, waiting.code, device) is True


async def test_what_is_over_is_over_for_all(auth: Connection, api: Connection, hotel: Hotel) -> None:
    over = await waits(auth, seconds=-1)
    assert await becomes(auth, over) is None
    assert await stands_behind(api, hotel, over.code) is None
    assert await becomes(auth, Waiting(sha256(b"nobody").digest(), b"")) is None


async def test_a_code_taken_twice(auth: Connection) -> None:
    waiting = await waits(auth)
    assert await start(auth, code=waiting.code) is None
    # when it is over it is cleared away and free again
    over = await waits(auth, seconds=-1)
    assert await start(auth, code=over.code) is not None
    assert await becomes(auth, waiting) == (None, None)


async def test_a_full_house_is_cleared_a_little_at_a_time(auth: Connection, admin: Connection) -> None:
    await admin.execute(
        "INSERT INTO app.pairing_requests (secret_hash, user_code_hash, device_type, expires_at)"
        " SELECT sha256(n::text::bytea), sha256(n::text::bytea), 'tablet', now() - interval '1 day'"
        " FROM generate_series(1, 150) AS n"
    )
    old = "SELECT count(*) FROM app.pairing_requests WHERE expires_at < now() - interval '1 hour'"
    for left in (50, 0):
        await waits(auth)
        assert await admin.fetchval(old) == left


async def test_two_approvals_of_one_code(
    settings: Settings, auth: Connection, api: Connection, admin: Connection, hotel: Hotel, other_hotel: Hotel
) -> None:
    waiting = await waits(auth)
    ours, theirs = await new_tablet(admin, hotel), await new_tablet(admin, other_hotel)
    async with writer(settings, Role.API.value) as second:
        async with scope(api, hotel.tenant_id):
            assert await api.fetchval("SELECT app.approve_pairing($1, $2)", waiting.code, ours) is True
            late = asyncio.create_task(approve(second, other_hotel, waiting.code, theirs))
            await until_waiting(admin, second.get_server_pid())
        assert await late is False
    assert await becomes(auth, waiting) == (hotel.tenant_id, ours)
    assert await credential(admin, theirs) == ("pending", None)


@pytest.mark.parametrize("end", ["status = 'retired'", "deleted_at = now()"])
async def test_a_device_that_goes_while_it_is_approved(
    settings: Settings, auth: Connection, api: Connection, admin: Connection, hotel: Hotel, end: str
) -> None:
    waiting, device = await waits(auth), await new_tablet(admin, hotel)
    async with writer(settings) as manager:
        async with manager.transaction():
            await manager.execute(f"UPDATE app.device_rooms SET {end} WHERE id = $1", device)
            late = asyncio.create_task(approve(api, hotel, waiting.code, device))
            await until_waiting(admin, api.get_server_pid())
        assert await late is False
    assert (await credential(admin, device))[1] is None
    assert await becomes(auth, waiting) == (None, None)


async def test_the_device_before_it_is_sent_away(
    auth: Connection, api: Connection, admin: Connection, hotel: Hotel, log: Logbook
) -> None:
    """A new tablet for the room of an old one: what the old one holds ends."""
    waiting, device = await waits(auth), hotel.rooms[0].tablet_id
    await admin.execute(
        "UPDATE app.device_rooms SET credential_hash = sha256('a'), next_credential_hash = sha256('b')"
        " WHERE id = $1",
        device,
    )
    await log.skip()
    assert await approve(api, hotel, waiting.code, device) is True
    (event,) = await log.new()
    assert event.data == {"topic": f"device:{device}"}
    hashes = "SELECT next_credential_hash, previous_credential_hash FROM app.device_rooms WHERE id = $1"
    assert tuple(await admin.fetchrow(hashes, device) or ()) == (None, None)


# Codes that a page exchanges


async def code_for(admin: Connection, hotel: Hotel, device: UUID, *, life: str = "1 hour") -> bytes:
    code = sha256(uuid4().bytes).digest()
    await admin.execute(
        "INSERT INTO app.pairing_codes (tenant_id, device_id, code_hash, expires_at)"
        " VALUES ($1, $2, $3, now() + $4::text::interval)",
        hotel.tenant_id,
        device,
        code,
        life,
    )
    return code


async def claim(auth: Connection, code: bytes) -> object:
    """The device whose code it was."""
    return await auth.fetchval("SELECT device_id FROM app.claim_code($1, sha256('credential'))", code)


async def test_a_code_is_good_once(auth: Connection, admin: Connection, hotel: Hotel) -> None:
    device = await new_tablet(admin, hotel)
    code = await code_for(admin, hotel, device)
    assert await claim(auth, code) == device
    assert await claim(auth, code) is None
    assert await claim(auth, await code_for(admin, hotel, device, life="-1 second")) is None
    for status in ("suspended", "lost", "retired"):
        await admin.execute("UPDATE app.device_rooms SET status = $2 WHERE id = $1", device, status)
        assert await claim(auth, await code_for(admin, hotel, device)) is None


async def test_one_code_twice_at_once(
    settings: Settings, auth: Connection, admin: Connection, hotel: Hotel
) -> None:
    device = await new_tablet(admin, hotel)
    code = await code_for(admin, hotel, device)
    async with writer(settings, Role.AUTH.value) as second:
        async with auth.transaction():
            assert await claim(auth, code) == device
            late = asyncio.create_task(claim(second, code))
            await until_waiting(admin, second.get_server_pid())
        assert await late is None


async def test_a_device_that_is_retired_while_its_code_is_claimed(
    settings: Settings, auth: Connection, admin: Connection, hotel: Hotel
) -> None:
    device = await new_tablet(admin, hotel)
    code = await code_for(admin, hotel, device)
    async with writer(settings) as manager:
        async with manager.transaction():
            await manager.execute("UPDATE app.device_rooms SET status = 'retired' WHERE id = $1", device)
            late = asyncio.create_task(claim(auth, code))
            await until_waiting(admin, auth.get_server_pid())
        assert await late is None
    assert await credential(admin, device) == ("retired", None)
    unused = "SELECT used_at IS NULL FROM app.pairing_codes WHERE code_hash = $1"
    assert await admin.fetchval(unused, code), "a code is not burnt for nothing"
