"""A hotel's data keys change while its people are looked up, and afterwards the old ones are gone."""

from __future__ import annotations

import asyncio
from itertools import count
from typing import TYPE_CHECKING

import asyncpg
import msgspec
import pytest

from hub.db.database import Database
from hub.db.ids import uuid7
from hub.errors import NotFound
from hub.keys import rotation
from hub.keys.command import Access
from hub.security.sealed import SEALED
from hub.security.sealing import key_id
from tests.factories import Hotel
from tests.security.rotating import desk, going_on, guest, person, reencryption

if TYPE_CHECKING:
    from uuid import UUID

    from hub.db.pool import Connection


GUESTS = 250


async def keys_of(admin: Connection, hotel: Hotel) -> list[tuple[str, bool]]:
    rows = await admin.fetch(
        "SELECT purpose, retired_at IS NULL AS used FROM app.data_keys WHERE tenant_id = $1"
        " ORDER BY purpose, created_at",
        hotel.tenant_id,
    )
    return [tuple(row) for row in rows]


async def sealing_keys(admin: Connection, hotel: Hotel) -> set[UUID]:
    """The keys that the texts of a hotel are sealed with."""
    found = set()
    for one in SEALED:
        tenant = "id" if one.table == "tenants" else "tenant_id"
        rows = await admin.fetch(
            f"SELECT {one.column} FROM app.{one.table} WHERE {tenant} = $1 AND {one.column} IS NOT NULL",
            hotel.tenant_id,
        )
        found |= {key_id(row[0]) for row in rows}
    return found


async def test_data_keys_change_while_people_are_looked_up(
    access: Access, database: Database, admin: Connection, hotel: Hotel
) -> None:
    one, other = desk(database, hotel), desk(database, hotel)
    guests = [guest(number) for number in range(GUESTS)]
    people = [person(number) for number in range(4)]
    for somebody in guests:
        await one.write(somebody)
    for somebody_else in people:
        await one.hire(somebody_else)
    before = await sealing_keys(admin, hotel)
    assert len(before) == 1
    newcomers = count(GUESTS)

    async def look_up(number: int) -> None:
        known = guests[number * 37 % len(guests)]
        for reader in (one, other):
            assert await reader.find(known.phone) == known

    async def sign_in(number: int) -> None:
        known = people[number % len(people)]
        for reader in (one, other):
            assert await reader.sign_in(known.email, known.pin) == known

    async def arrive(number: int) -> None:
        """Somebody new; what one process writes the other finds at once."""
        somebody = guest(next(newcomers))
        await (one, other)[number % 2].write(somebody)
        assert await (other, one)[number % 2].find(somebody.phone) == somebody
        guests.append(somebody)

    async def change(number: int) -> None:
        """The same row as re-encryption."""
        index = number * 11 % GUESTS
        guests[index] = msgspec.structs.replace(guests[index], name=f"Changed {number}")
        await (one, other)[number % 2].write(guests[index])

    # `look_up` would compare with what `change` is writing at this moment: they take turns
    async def turns(number: int) -> None:
        await look_up(number)
        await change(number)

    async with going_on(turns, sign_in, arrive), asyncio.timeout(60):
        assert await rotation.rotate_data(access.database, access.vault, hotel.tenant_id)
        waited: list[float] = []
        done = await reencryption(access, waiting=waited.append).hotel(hotel.tenant_id)
    assert waited, "it began before every process had learnt of the new keys"
    assert done.left == []
    assert done.rows > GUESTS // 2, "those whom nobody has written again meanwhile"
    after = await sealing_keys(admin, hotel)
    assert len(after) == 1
    assert after != before
    # the first index key stays for the PINs
    assert await keys_of(admin, hotel) == [("field", True), ("index", False), ("index", True)]
    stranger = desk(database, hotel)
    for somebody in guests:
        assert await stranger.find(somebody.phone) == somebody
    again = await reencryption(access).hotel(hotel.tenant_id)
    assert (again.rows, again.removed, again.left) == (0, 0, [])


async def test_it_can_be_stopped_and_begun_again(
    access: Access, database: Database, admin: Connection, hotel: Hotel
) -> None:
    one = desk(database, hotel)
    guests = [guest(number) for number in range(GUESTS)]
    for somebody in guests:
        await one.write(somebody)
    await rotation.rotate_data(access.database, access.vault, hotel.tenant_id)
    seen = 0

    def stop(count: int) -> None:
        nonlocal seen
        seen += count
        if seen > GUESTS // 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await reencryption(access, advance=stop).hotel(hotel.tenant_id)
    assert len(await sealing_keys(admin, hotel)) == 2
    assert await one.find(guests[0].phone) == guests[0]
    done = await reencryption(access).hotel(hotel.tenant_id)
    assert 0 < done.rows < GUESTS, "what was done is not done again"
    assert len(await sealing_keys(admin, hotel)) == 1
    assert await one.find(guests[-1].phone) == guests[-1]


async def test_pins_go_with_their_key_only_when_asked(
    access: Access, database: Database, admin: Connection, hotel: Hotel
) -> None:
    one, cook = desk(database, hotel), person(1)
    await one.hire(cook)
    await reencryption(access).hotel(hotel.tenant_id, forget_pins=True)
    assert await one.sign_in(cook.email, cook.pin) == cook, "its key was not even retired"
    await rotation.rotate_data(access.database, access.vault, hotel.tenant_id)
    await reencryption(access).hotel(hotel.tenant_id)
    assert await one.sign_in(cook.email, cook.pin) == cook
    await reencryption(access).hotel(hotel.tenant_id, forget_pins=True)
    assert await admin.fetchval("SELECT pin_hash FROM app.staff WHERE id = $1", cook.id) is None
    assert await keys_of(admin, hotel) == [("field", True), ("index", True)]


async def test_a_row_that_cannot_be_opened_is_named_and_keeps_its_key(
    access: Access, database: Database, admin: Connection, hotel: Hotel
) -> None:
    one = desk(database, hotel)
    broken, fine = guest(1), guest(2)
    await one.write(broken)
    await one.write(fine)
    await admin.execute(
        "UPDATE app.stays SET guest_name_encrypted = other.guest_name_encrypted FROM app.stays AS other"
        " WHERE stays.id = $1 AND other.id = $2",
        broken.id,
        fine.id,
    )
    await rotation.rotate_data(access.database, access.vault, hotel.tenant_id)
    done = await reencryption(access).hotel(hotel.tenant_id)
    assert [left.split(":")[0] for left in done.left] == [f"stays {broken.id}"]
    assert (done.rows, done.removed) == (1, 0)
    assert await one.find(fine.phone) == fine


async def test_two_rows_with_one_address_are_named_and_both_stay(
    access: Access, database: Database, admin: Connection, hotel: Hotel
) -> None:
    """One was written under the old index and the other under the new: the unique index did not see it."""
    one = desk(database, hotel)
    await one.hire(person(1))
    await one.hire(person(2))
    await rotation.rotate_data(access.database, access.vault, hotel.tenant_id)
    await reencryption(access).hotel(hotel.tenant_id)
    await rotation.rotate_data(access.database, access.vault, hotel.tenant_id)
    async with asyncio.timeout(10):  # until the new key is used
        while True:
            twin = msgspec.structs.replace(person(1), id=uuid7())
            try:
                await one.hire(twin)
                break
            except asyncpg.UniqueViolationError:
                await asyncio.sleep(0.01)
    done = await reencryption(access).hotel(hotel.tenant_id)
    assert len(done.left) == 1
    assert "same text" in done.left[0]
    assert done.rows == 1
    found = await one.sign_in(person(2).email, person(2).pin)
    assert found is not None
    indexes = [key for key in await keys_of(admin, hotel) if key[0] == "index"]
    assert indexes == [("index", False), ("index", False), ("index", True)], "that of the PINs, and its own"


async def test_a_hotel_without_keys_gets_none(access: Access, hotel: Hotel, admin: Connection) -> None:
    assert not await rotation.rotate_data(access.database, access.vault, hotel.tenant_id)
    done = await reencryption(access).hotel(hotel.tenant_id)
    assert (done.rows, done.removed, done.left) == (0, 0, [])
    assert await keys_of(admin, hotel) == []
    with pytest.raises(NotFound, match="no hotel 'nowhere'"):
        await rotation.hotels(access.database, "nowhere")
