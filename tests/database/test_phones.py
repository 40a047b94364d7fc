"""Phones of guests: what a code makes, how many there are, and how all of it ends with the stay or the room,
whoever writes that."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Final
from uuid import UUID, uuid4

import asyncpg
import pytest

from hub.db.pool import Role
from tests.database.acting import scope
from tests.database.logbook import Logbook, until_waiting, writer
from tests.factories import Hotel

if TYPE_CHECKING:
    from hub.db.pool import Connection
    from hub.settings import Settings

MOST: Final = 8
INVITE: Final = (
    "INSERT INTO app.pairing_codes (tenant_id, stay_id, code_hash, expires_at)"
    " VALUES ($1, $2, $3, now() + $4::interval)"
)
PHONES: Final = (
    "SELECT id, status FROM app.device_rooms WHERE tenant_id = $1 AND device_type = 'phone'"
    " ORDER BY created_at"
)


@pytest.fixture(scope="module")
async def auth(settings: Settings) -> AsyncIterator[Connection]:
    async with writer(settings, Role.AUTH.value) as connection:
        yield connection


async def invited(admin: Connection, hotel: Hotel, *, room: int = 0, minutes: float = 5) -> bytes:
    """The hash of a new code for a room's stay."""
    code = sha256(uuid4().bytes).digest()
    stay_id = hotel.rooms[room].stay_id
    await admin.execute(INVITE, hotel.tenant_id, stay_id, code, timedelta(minutes=minutes))
    return code


async def claim(auth: Connection, code: bytes) -> UUID | None:
    """The phone that the code makes."""
    row = await auth.fetchrow("SELECT device_id FROM app.claim_code($1, sha256('secret'))", code)
    return None if row is None else row["device_id"]


async def phones(admin: Connection, hotel: Hotel) -> dict[UUID, str]:
    """The states of the hotel's phones, oldest first."""
    return {row["id"]: row["status"] for row in await admin.fetch(PHONES, hotel.tenant_id)}


async def test_a_code_makes_one_phone_of_its_stay(
    auth: Connection, admin: Connection, hotel: Hotel, log: Logbook
) -> None:
    await admin.execute("UPDATE app.device_rooms SET floor = '1' WHERE id = $1", hotel.rooms[0].tablet_id)
    await log.skip()
    code = await invited(admin, hotel)
    phone = await claim(auth, code)
    assert phone is not None
    row = await admin.fetchrow("SELECT * FROM app.device_rooms WHERE id = $1", phone)
    assert row is not None
    found = (row["tenant_id"], row["device_type"], row["status"], row["stay_id"], row["room_number"])
    assert found == (hotel.tenant_id, "phone", "active", hotel.rooms[0].stay_id, "101")
    assert (row["floor"], row["credential_hash"]) == ("1", sha256(b"secret").digest())
    (event,) = await log.new()
    assert (event.kind, event.topics) == ("phone", [f"stay:{hotel.rooms[0].stay_id}"])
    assert event.data.keys() == {"id", "connected_at"}
    assert event.data["id"] == str(phone)
    for _ in range(2):
        assert await claim(auth, code) is None, "it is good once"
    assert await phones(admin, hotel) == {phone: "active"}
    tablet = await admin.fetchval(
        "SELECT status FROM app.device_rooms WHERE id = $1", hotel.rooms[0].tablet_id
    )
    assert tablet == "active", "the tablet stays"


async def test_a_code_that_ran_out_makes_none(auth: Connection, admin: Connection, hotel: Hotel) -> None:
    code = await invited(admin, hotel, minutes=-0.001)
    assert await claim(auth, code) is None
    assert await phones(admin, hotel) == {}


async def test_the_oldest_of_eight_makes_room(
    auth: Connection, admin: Connection, hotel: Hotel, log: Logbook
) -> None:
    made = [await claim(auth, await invited(admin, hotel)) for _ in range(MOST)]
    elsewhere = await claim(auth, await invited(admin, hotel, room=1))
    assert set((await phones(admin, hotel)).values()) == {"active"}
    await log.skip()
    ninth = await claim(auth, await invited(admin, hotel))
    states = await phones(admin, hotel)
    assert [one for one, status in states.items() if status == "retired"] == [made[0]]
    assert {elsewhere, ninth} <= {one for one, status in states.items() if status == "active"}
    events = {(event.kind, event.topics[0]) for event in await log.new()}
    stay = f"stay:{hotel.rooms[0].stay_id}"
    assert events == {("topic.ended", f"device:{made[0]}"), ("phone.removed", stay), ("phone", stay)}


async def test_many_at_once_are_never_more_than_eight(
    settings: Settings, admin: Connection, hotel: Hotel
) -> None:
    codes = [await invited(admin, hotel) for _ in range(12)]

    async def come(code: bytes) -> UUID | None:
        async with writer(settings, Role.AUTH.value) as connection:
            return await claim(connection, code)

    made = await asyncio.gather(*(come(code) for code in [*codes, *codes]))
    assert sum(one is not None for one in made) == 12, "each code once"
    assert sorted((await phones(admin, hotel)).values()) == ["active"] * MOST + ["retired"] * 4


@pytest.mark.parametrize(
    "change", ["ended_at = now()", "room_number = '998'", "ended_at = now(), room_number = '998'"]
)
async def test_all_of_it_ends_with_the_stay_and_with_the_room(
    psql: Connection, auth: Connection, admin: Connection, hotel: Hotel, log: Logbook, change: str
) -> None:
    phone = await claim(auth, await invited(admin, hotel))
    suspended = await claim(auth, await invited(admin, hotel))
    await admin.execute("UPDATE app.device_rooms SET status = 'suspended' WHERE id = $1", suspended)
    neighbour = await claim(auth, await invited(admin, hotel, room=1))
    unused, of_neighbour = await invited(admin, hotel), await invited(admin, hotel, room=1)
    await log.skip()
    await psql.execute(f"UPDATE app.stays SET {change} WHERE id = $1", hotel.rooms[0].stay_id)
    assert await phones(admin, hotel) == {phone: "retired", suspended: "retired", neighbour: "active"}
    assert await claim(auth, unused) is None
    assert await claim(auth, of_neighbour) is not None
    ended = [event.topics for event in await log.new() if event.kind == "topic.ended"]
    assert ended[:2] == [[f"stay:{hotel.rooms[0].stay_id}"], [f"device:{phone}"]]


async def test_other_changes_of_a_stay_leave_its_phones(
    psql: Connection, auth: Connection, admin: Connection, hotel: Hotel
) -> None:
    phone = await claim(auth, await invited(admin, hotel))
    await psql.execute(
        "UPDATE app.stays SET guest_name_encrypted = 'v1:', guest_phone_encrypted = 'v1:' WHERE id = $1",
        hotel.rooms[0].stay_id,
    )
    assert await phones(admin, hotel) == {phone: "active"}


async def test_a_phone_that_comes_while_the_guest_leaves(
    settings: Settings, auth: Connection, admin: Connection, hotel: Hotel
) -> None:
    """Whichever is first: nothing of the stay is left."""
    code = await invited(admin, hotel)
    async with writer(settings) as desk:
        leaving = desk.transaction()
        await leaving.start()
        await desk.execute("UPDATE app.stays SET ended_at = now() WHERE id = $1", hotel.rooms[0].stay_id)
        coming = asyncio.create_task(claim(auth, code))
        await until_waiting(admin, auth.get_server_pid())
        await leaving.commit()
        assert await coming is None
    assert await phones(admin, hotel) == {}

    code = await invited(admin, hotel, room=1)
    coming_first = auth.transaction()
    await coming_first.start()
    assert await claim(auth, code) is not None
    async with writer(settings) as desk:
        left = asyncio.create_task(
            desk.execute("UPDATE app.stays SET ended_at = now() WHERE id = $1", hotel.rooms[1].stay_id)
        )
        await until_waiting(admin, desk.get_server_pid())
        await coming_first.commit()
        await left
    assert set((await phones(admin, hotel)).values()) == {"retired"}


async def test_a_phone_has_a_stay_and_nothing_else_has_one(admin: Connection, hotel: Hotel) -> None:
    for kind, stay in (("phone", None), ("tablet", hotel.rooms[0].stay_id)):
        with pytest.raises(asyncpg.CheckViolationError) as refused:
            await admin.execute(
                "INSERT INTO app.device_rooms (tenant_id, device_name, device_type, stay_id)"
                " VALUES ($1, 'x', $2, $3)",
                hotel.tenant_id,
                kind,
                stay,
            )
        assert refused.value.constraint_name == "device_rooms_phone_has_stay"


async def test_a_device_cannot_be_paired_as_a_phone(auth: Connection) -> None:
    with pytest.raises(asyncpg.CheckViolationError):
        await auth.fetchval(
            "SELECT app.start_pairing(sha256('a'), sha256('b'), 'phone', 'x', interval '1 minute')"
        )


async def test_the_hub_asks_for_codes_inside_its_tenant(
    settings: Settings, auth: Connection, hotel: Hotel, other_hotel: Hotel, admin: Connection
) -> None:
    async with writer(settings, Role.API.value) as api:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            async with scope(api, hotel.tenant_id):
                await api.execute(
                    INVITE, other_hotel.tenant_id, other_hotel.rooms[0].stay_id, b"x" * 32, timedelta(1)
                )
        with pytest.raises(asyncpg.ForeignKeyViolationError):
            async with scope(api, hotel.tenant_id):
                await api.execute(
                    INVITE, hotel.tenant_id, other_hotel.rooms[0].stay_id, b"x" * 32, timedelta(1)
                )
    assert await phones(admin, other_hotel) == {}


async def test_what_is_known_of_a_phone_goes_after_a_while(
    settings: Settings, auth: Connection, admin: Connection, hotel: Hotel
) -> None:
    old, new = [await claim(auth, await invited(admin, hotel, room=room)) for room in (0, 1)]
    for one in (old, new):
        await admin.execute(
            "INSERT INTO app.device_presence (tenant_id, device_id, online, session_generation, last_seen_at)"
            " VALUES ($1, $2, false, 1, now())",
            hotel.tenant_id,
            one,
        )
    await admin.execute(
        "UPDATE app.stays SET started_at = now() - interval '90 days', ended_at = now() - interval '80 days'"
        " WHERE id = $1",
        hotel.rooms[0].stay_id,
    )
    await admin.execute("UPDATE app.stays SET ended_at = now() WHERE id = $1", hotel.rooms[1].stay_id)
    async with writer(settings, Role.RELAY.value) as relay:
        gone = await relay.fetchval(
            "SELECT app.prune_sign_ins($1, now() - interval '30 days', 100)", hotel.tenant_id
        )
    assert gone == 1
    assert list(await phones(admin, hotel)) == [new]
