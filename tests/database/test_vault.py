"""The vault: what a hotel seals opens for the same hotel and row only, and keys change without a flag day."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from uuid import UUID

import pytest

from hub.db.database import Database
from hub.db.ids import uuid7
from hub.db.scope import Actor
from hub.errors import Internal, InvalidInput, SealBroken
from hub.security import events
from hub.security.sealed import SEALED
from hub.security.sealing import MasterKeys, key_id
from hub.security.vault import Vault
from hub.settings import MasterKey
from tests.conftest import MASTER_KEY
from tests.factories import Hotel

if TYPE_CHECKING:
    from hub.db.pool import Connection
    from hub.db.scope import Scope

PLACE = ("stays", "guest_name_encrypted")
ROW = uuid7()
ACTOR = Actor(user_id=None, role="sign_in", request_id=uuid7())


@pytest.fixture
def vault() -> Vault:
    return Vault(MasterKeys((MASTER_KEY,)))


async def seal(database: Database, vault: Vault, hotel: Hotel, text: str = "Hanako 花子") -> str:
    async def work(scope: Scope) -> str:
        return await vault.seal(scope, *PLACE, ROW, text)

    return await database.transaction(hotel.tenant_id, ACTOR, work, idempotent=False)


async def unseal(database: Database, vault: Vault, hotel: Hotel, sealed: str, row: UUID = ROW) -> str:
    async with database.read(hotel.tenant_id, ACTOR) as scope:
        return await vault.open(scope, *PLACE, row, sealed)


async def index(database: Database, vault: Vault, hotel: Hotel, phone: str) -> bytes:
    async with database.read(hotel.tenant_id, ACTOR) as scope:
        return await vault.index(scope, "stays.guest_phone", phone)


async def rotate(admin: Connection, hotel: Hotel, *, age_seconds: int = 60) -> None:
    """What `hub keys rotate --data` does, some time ago."""
    maker = Vault(MasterKeys((MASTER_KEY,)))
    async with admin.transaction():
        await admin.execute(
            "UPDATE app.data_keys SET retired_at = now(), created_at = created_at - interval '1 h'"
            " WHERE tenant_id = $1 AND retired_at IS NULL",
            hotel.tenant_id,
        )
        for purpose in ("field", "index"):
            name, wrapped = maker.new_key(hotel.tenant_id)
            await admin.execute(
                "INSERT INTO app.data_keys (tenant_id, id, purpose, wrapped, created_at)"
                " VALUES ($1, $2, $3, $4, now() - make_interval(secs => $5))",
                hotel.tenant_id,
                name,
                purpose,
                wrapped,
                age_seconds,
            )


async def test_what_a_hotel_seals_another_process_opens(
    database: Database, vault: Vault, hotel: Hotel
) -> None:
    sealed = await seal(database, vault, hotel)
    assert "花子" not in sealed
    other_process = Vault(MasterKeys((MASTER_KEY,)))
    assert await unseal(database, other_process, hotel, sealed) == "Hanako 花子"


async def test_it_opens_in_its_row_and_hotel_only(
    database: Database, vault: Vault, hotel: Hotel, other_hotel: Hotel
) -> None:
    sealed = await seal(database, vault, hotel)
    await seal(database, vault, other_hotel)
    with pytest.raises(SealBroken):
        await unseal(database, vault, hotel, sealed, uuid7())
    with pytest.raises(SealBroken, match="does not exist in its hotel"):
        await unseal(database, vault, other_hotel, sealed)


async def test_the_keys_are_made_once_however_many_begin_at_the_same_time(
    database: Database, admin: Connection, hotel: Hotel
) -> None:
    vaults = [Vault(MasterKeys((MASTER_KEY,))) for _ in range(6)]
    sealed = await asyncio.gather(*(seal(database, vault, hotel, "same") for vault in vaults))
    assert len({key_id(text) for text in sealed}) == 1
    keys = await admin.fetch(
        "SELECT purpose FROM app.data_keys WHERE tenant_id = $1 ORDER BY 1", hotel.tenant_id
    )
    assert [key["purpose"] for key in keys] == ["field", "index"]


async def test_keys_that_were_rolled_back_seal_nothing(
    database: Database, vault: Vault, hotel: Hotel
) -> None:
    """A process that kept them would write texts that nobody ever opens."""

    async def fails(scope: Scope) -> None:
        await vault.seal(scope, *PLACE, ROW, "lost")
        await vault.index(scope, "stays.guest_phone", "0901")
        raise InvalidInput("no")

    with pytest.raises(InvalidInput):
        await database.transaction(hotel.tenant_id, ACTOR, fails, idempotent=False)
    sealed = await seal(database, vault, hotel)
    assert await unseal(database, Vault(MasterKeys((MASTER_KEY,))), hotel, sealed) == "Hanako 花子"


async def test_reading_makes_no_keys(database: Database, vault: Vault, hotel: Hotel) -> None:
    async with database.read(hotel.tenant_id, ACTOR) as scope:
        with pytest.raises(Internal, match="has no keys yet"):
            await vault.index(scope, "staff.email", "a@hotel.example")


async def test_equal_texts_are_found_by_their_index_in_their_hotel(
    database: Database, vault: Vault, hotel: Hotel, other_hotel: Hotel
) -> None:
    await seal(database, vault, hotel)
    await seal(database, vault, other_hotel)
    found = await index(database, vault, hotel, "090-1234-5678")
    assert len(found) == 32
    assert found == await index(database, vault, hotel, "(090) 1234 5678")
    assert found != await index(database, vault, hotel, "090-1234-5679")
    assert found != await index(database, vault, other_hotel, "090-1234-5678")
    async with database.read(hotel.tenant_id, ACTOR) as scope:
        one = await vault.index(scope, "staff.email", "Anna@Hotel.example")
        assert one == await vault.index(scope, "staff.email", "anna@hotel.example")


async def test_a_new_key_seals_and_the_old_one_still_opens(
    database: Database, vault: Vault, admin: Connection, hotel: Hotel
) -> None:
    old = await seal(database, vault, hotel)
    before = await index(database, vault, hotel, "0901")
    async with database.read(hotel.tenant_id, ACTOR) as scope:
        pin = await vault.digest(scope, "staff.pin", "4711")
        assert pin != await vault.digest(scope, "staff.pin", "4712")
        assert pin not in await vault.indexes(scope, "stays.guest_phone", "4711")
    await rotate(admin, hotel)
    another = Vault(MasterKeys((MASTER_KEY,)))
    new = await seal(database, another, hotel)
    assert key_id(new) != key_id(old)
    assert await unseal(database, another, hotel, old) == "Hanako 花子"
    # a process that has not noticed yet reads what the others write
    assert key_id(await seal(database, vault, hotel)) == key_id(old)
    assert await unseal(database, vault, hotel, new) == "Hanako 花子"
    async with database.read(hotel.tenant_id, ACTOR) as scope:
        indexes = await another.indexes(scope, "stays.guest_phone", "0901")
        assert indexes == [await another.index(scope, "stays.guest_phone", "0901"), before]
        assert await another.digest(scope, "staff.pin", "4711") == pin, "a PIN outlives its key's retirement"


async def test_a_new_key_is_used_when_every_process_has_had_the_time_to_learn_of_it(
    database: Database, admin: Connection, hotel: Hotel
) -> None:
    vault = Vault(MasterKeys((MASTER_KEY,)), fresh_seconds=0.001)
    old = await seal(database, vault, hotel)
    slow = Vault(MasterKeys((MASTER_KEY,)), fresh_seconds=30)
    await rotate(admin, hotel, age_seconds=59)
    assert key_id(await seal(database, slow, hotel)) == key_id(old)
    # a process that looks often enough notices by itself
    assert key_id(await seal(database, vault, hotel)) != key_id(old)


async def test_without_the_master_key_nothing_opens(database: Database, vault: Vault, hotel: Hotel) -> None:
    sealed = await seal(database, vault, hotel)
    stranger = Vault(MasterKeys((MasterKey("another", b"x" * 32),)))
    with pytest.raises(SealBroken, match="HUB_MASTER_KEYS"):
        await unseal(database, stranger, hotel, sealed)


async def test_every_encrypted_column_and_index_of_the_schema_is_in_the_list(admin: Connection) -> None:
    """Re-encryption walks the list: a column that is missing there would be lost with its key."""
    columns = await admin.fetch(
        "SELECT table_name, column_name FROM information_schema.columns JOIN information_schema.tables"
        " USING (table_schema, table_name) WHERE table_schema = 'app' AND table_type = 'BASE TABLE'"
        r" AND (column_name LIKE '%\_encrypted' OR column_name LIKE '%\_index')"
    )
    known = {(one.table, one.column) for one in SEALED}
    known |= {(one.table, one.index.column) for one in SEALED if one.index is not None}
    assert {tuple(row) for row in columns} == known


async def test_an_event_stands_in_the_audit_of_its_hotel(
    database: Database, admin: Connection, hotel: Hotel
) -> None:
    async def work(scope: Scope) -> None:
        await events.record(scope, "pin.failed", ROW, {"attempts": 2})

    await database.transaction(hotel.tenant_id, ACTOR, work, idempotent=True)
    row = await admin.fetchrow(
        "SELECT tenant_id, record, user_role, details, request_id FROM app.audit_logs"
        " WHERE operation = 'pin.failed' AND tenant_id = $1",
        hotel.tenant_id,
    )
    assert tuple(row or ()) == (hotel.tenant_id, str(ROW), "sign_in", '{"attempts": 2}', ACTOR.request_id)
