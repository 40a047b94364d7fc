"""The record of an operation: by it the hub knows a request again, and nobody else learns what was asked."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from uuid import uuid4

import msgspec
import pytest
from msgspec import Struct

from hub.db.database import Database
from hub.db.scope import Claim
from hub.errors import OperationInProgress, OperationMismatch
from hub.operations import Operation, Operations
from hub.security.permissions import Permission
from hub.security.sealing import MasterKeys
from hub.security.vault import Vault
from hub.services import commands
from hub.settings import MasterKey
from tests.conftest import MASTER_KEY
from tests.factories import Hotel, make_staff
from tests.locks import waiting_for_a_lock

if TYPE_CHECKING:
    from uuid import UUID

    from hub.db.pool import Connection
    from hub.db.scope import Scope
    from hub.security.principal import Principal

GUEST = {"room_number": "900", "guest_name": "Hanako", "guest_phone": "+81 90-1234-5678"}
NEWER = MasterKey(kid="newer", secret=b"the next master key of the tests")


def node(database: Database, *keys: MasterKey) -> Operations:
    """The operations of one process."""
    vault = Vault(MasterKeys(keys or (MASTER_KEY,)))
    return Operations(database, vault, commands(vault))


async def check_in(
    operations: Operations, front: Principal, op_id: UUID, guest: dict[str, str] = GUEST
) -> bytes:
    return bytes(await operations.call("stay.check_in", front, op_id, msgspec.json.encode(guest)))


async def recorded(admin: Connection, op_id: UUID) -> bytes:
    value: bytes = await admin.fetchval("SELECT request_hash FROM app.idempotency WHERE op_id = $1", op_id)
    return value


async def test_what_was_asked_of_a_guest_cannot_be_guessed_from_the_record(
    admin: Connection, database: Database, hotel: Hotel, other_hotel: Hotel
) -> None:
    # The same request of two hotels: without a key of the hotel its hash would be the same.
    found = []
    for one in (hotel, other_hotel):
        op_id = uuid4()
        await check_in(node(database), await make_staff(admin, one, "front"), op_id)
        found.append(await recorded(admin, op_id))
    assert found[0] != found[1]


async def test_every_process_knows_it_again_also_after_a_change_of_master_keys(
    admin: Connection, database: Database, hotel: Hotel
) -> None:
    front, op_id = await make_staff(admin, hotel, "front"), uuid4()
    answer = await check_in(node(database), front, op_id)
    assert await check_in(node(database), front, op_id) == answer
    # put in front, as an operator does before the keys are wrapped anew
    assert await check_in(node(database, NEWER, MASTER_KEY), front, op_id) == answer
    vault = Vault(MasterKeys((NEWER, MASTER_KEY)))
    for key in await admin.fetch(
        "SELECT id, wrapped FROM app.data_keys WHERE tenant_id = $1", hotel.tenant_id
    ):
        wrapped = vault.rewrap(hotel.tenant_id, key["id"], key["wrapped"])
        await admin.execute("UPDATE app.data_keys SET wrapped = $2 WHERE id = $1", key["id"], wrapped)
    assert await check_in(node(database, NEWER), front, op_id) == answer
    with pytest.raises(OperationMismatch):
        await check_in(node(database, NEWER), front, op_id, GUEST | {"guest_name": "Taro"})
    assert (
        await admin.fetchval(
            "SELECT count(*) FROM app.stays WHERE tenant_id = $1 AND room_number = '900'", hotel.tenant_id
        )
        == 1
    )


async def test_an_order_does_not_need_the_keys_of_the_hotel(
    admin: Connection, database: Database, hotel: Hotel
) -> None:
    await make_staff(admin, hotel, "front")  # which gives the hotel keys
    body = msgspec.json.encode({"lines": [{"menu_item_id": hotel.menu["soup"], "quantity": 1}]})
    assert await node(database, NEWER).call("order.place", hotel.tablet(), uuid4(), body)


class Line(Struct, frozen=True):
    name: str


class Wish(Struct, frozen=True):
    lines: list[Line]


class LaterLine(Struct, frozen=True):
    name: str
    note: str | None = None


class LaterWish(Struct, frozen=True):
    lines: list[LaterLine]
    tags: list[str] = []


class Granted(Struct, frozen=True):
    number: int


async def test_the_next_version_of_the_hub_knows_it_again(database: Database, hotel: Hotel) -> None:
    done = []

    async def grant(_: Scope, __: Principal, args: Wish | LaterWish) -> Granted:
        done.append(args)
        return Granted(len(done))

    def version(args: type[Struct]) -> Operations:
        wish = Operation(name="wish", args=args, run=grant, permission=Permission.ORDER_PLACE)
        return Operations(database, Vault(MasterKeys((MASTER_KEY,))), [wish])

    op_id, asked = uuid4(), b'{"lines": [{"name": "soup"}]}'
    for args in (Wish, LaterWish, Wish):
        answer = await version(args).call("wish", hotel.tablet(), op_id, asked)
        assert bytes(answer) == b'{"number":1}'
    assert len(done) == 1
    said = b'{"lines": [{"name": "soup", "note": "hot"}]}'
    with pytest.raises(OperationMismatch):
        await version(LaterWish).call("wish", hotel.tablet(), op_id, said)


async def test_an_operation_that_is_being_worked_on_is_not_begun_again(
    admin: Connection, database: Database, hotel: Hotel
) -> None:
    """The same id waits for the first one's commit, but not for ever."""
    claim = Claim(hotel.kitchen_id, uuid4(), "test", bytes(32))
    actor = hotel.kitchen().actor()
    begun, may_end = asyncio.Event(), asyncio.Event()

    async def first(scope: Scope) -> bool:
        begun.set()
        await may_end.wait()
        scope.answer(claim, b"{}")
        return scope.claimed

    async def again(scope: Scope) -> bool:
        return scope.claimed

    async with asyncio.timeout(20), asyncio.TaskGroup() as tasks:
        working = tasks.create_task(
            database.transaction(hotel.tenant_id, actor, first, idempotent=True, claim=claim)
        )
        await begun.wait()
        with pytest.raises(OperationInProgress):
            await database.transaction(hotel.tenant_id, actor, again, idempotent=True, claim=claim)
        waiting = tasks.create_task(
            database.transaction(hotel.tenant_id, actor, again, idempotent=True, claim=claim)
        )
        await waiting_for_a_lock(admin)
        may_end.set()
        assert await working
        assert not await waiting
