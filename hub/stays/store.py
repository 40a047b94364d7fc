"""Stays in the database. What guests are called and how they are reached is sealed there."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

import asyncpg
import msgspec
from msgspec import Raw

from hub.db.queries import load
from hub.errors import Internal, RoomOccupied
from hub.security.sealed import GUEST_PHONE
from hub.stays.model import OpenOrder, Stay, Tablet

if TYPE_CHECKING:
    from hub.db.scope import Scope
    from hub.security.vault import Vault

_queries = load("stays")
INSERT_STAY = _queries["insert_stay"]
LOCK_STAY = _queries["lock_stay"]
END_STAY = _queries["end_stay"]
MOVE_STAY = _queries["move_stay"]
TABLET = _queries["tablet"]
REQUEST_WIPE = _queries["request_wipe"]
OPEN_ORDERS = _queries["open_orders"]
MOVE_ORDERS = _queries["move_orders"]
STAY = _queries["stay"]
OPEN_STAYS = _queries["open_stays"]
STAYS_OF_PHONE = _queries["stays_of_phone"]
ALLERGENS = _queries["allergens"]
DECLARE_ALLERGENS = _queries["declare_allergens"]
STAY_DOCUMENT = _queries["stay_document"]

_NAME = "guest_name_encrypted"
_PHONE = "guest_phone_encrypted"


async def insert(
    scope: Scope, vault: Vault, stay_id: UUID, room_number: str, name: str | None, phone: str | None
) -> None:
    """Raises RoomOccupied."""
    sealed_name = sealed_phone = index = None
    if name is not None:
        sealed_name = await vault.seal(scope, "stays", _NAME, stay_id, name)
    if phone is not None:
        sealed_phone = await vault.seal(scope, "stays", _PHONE, stay_id, phone)
        index = await vault.index(scope, GUEST_PHONE.label, phone)
    try:
        await scope.execute(
            INSERT_STAY, scope.tenant_id, stay_id, room_number, sealed_name, sealed_phone, index
        )
    except asyncpg.UniqueViolationError as error:
        raise _occupied() from error


async def lock(scope: Scope, stay_id: UUID) -> tuple[str, bool] | None:
    """The room of a stay, and whether it is open; it stays so until this transaction ends."""
    row = await scope.fetchrow(LOCK_STAY, scope.tenant_id, stay_id)
    return None if row is None else (row["room_number"], row["ended_at"] is None)


async def end(scope: Scope, stay_id: UUID) -> None:
    await scope.execute(END_STAY, scope.tenant_id, stay_id)


async def move(scope: Scope, stay_id: UUID, room_number: str) -> None:
    """Raises RoomOccupied."""
    try:
        await scope.execute(MOVE_STAY, scope.tenant_id, stay_id, room_number)
    except asyncpg.UniqueViolationError as error:
        raise _occupied() from error


async def tablet(scope: Scope, room_number: str) -> Tablet | None:
    """The tablet that works in a room."""
    row = await scope.fetchrow(TABLET, scope.tenant_id, room_number)
    return None if row is None else Tablet(row["id"], row["wipe_pending"])


async def request_wipe(scope: Scope, room_number: str) -> list[UUID]:
    """Ask the tablets of a room to forget the guest; which ones."""
    return [row["id"] for row in await scope.fetch(REQUEST_WIPE, scope.tenant_id, room_number)]


async def open_orders(scope: Scope, stay_id: UUID) -> list[OpenOrder]:
    rows = await scope.fetch(OPEN_ORDERS, scope.tenant_id, stay_id)
    return [OpenOrder(row["id"], row["order_number"], row["status"]) for row in rows]


async def move_orders(scope: Scope, stay_id: UUID, room_number: str) -> None:
    await scope.execute(MOVE_ORDERS, scope.tenant_id, stay_id, room_number)


async def stay(scope: Scope, vault: Vault, stay_id: UUID) -> Stay | None:
    row = await scope.fetchrow(STAY, scope.tenant_id, stay_id)
    return None if row is None else await _opened(scope, vault, row)


async def open_stays(
    scope: Scope, vault: Vault, after: str, room_number: str | None, limit: int
) -> list[Stay]:
    """Open stays whose room comes after `after`, by room."""
    rows = await scope.fetch(OPEN_STAYS, scope.tenant_id, after, room_number, limit)
    return [await _opened(scope, vault, row) for row in rows]


async def stays_of_phone(scope: Scope, vault: Vault, phone: str, limit: int) -> list[Stay]:
    """Stays of a phone number, newest first. The scope must be one that writes."""
    indexes = await vault.indexes(scope, GUEST_PHONE.label, phone)
    rows = await scope.fetch(STAYS_OF_PHONE, scope.tenant_id, indexes, limit)
    return [await _opened(scope, vault, row) for row in rows]


async def allergens(scope: Scope) -> tuple[str, list[str]]:
    """The version of the list of allergens that holds today in the hotel, and its codes in order; then those
    that only the list before it has: a screen may show that one until it hears of its hotel again."""
    lists = await scope.fetch(ALLERGENS, scope.tenant_id)
    if not lists:
        raise Internal("no list of allergens holds today")
    return lists[0]["version"], list(dict.fromkeys(code for row in lists for code in row["codes"]))


async def declare(scope: Scope, stay_id: UUID, codes: list[str], version: str) -> Raw | None:
    """Store what an open stay declares; its document. None when there is no such stay, or it has ended."""
    if not await scope.execute(DECLARE_ALLERGENS, scope.tenant_id, stay_id, codes, version, scope.now):
        return None
    return Raw(str(await scope.fetchval(STAY_DOCUMENT, scope.tenant_id, stay_id)).encode())


async def _opened(scope: Scope, vault: Vault, row: asyncpg.Record) -> Stay:
    values = dict(row)
    for name, column in (("guest_name", _NAME), ("guest_phone", _PHONE)):
        values[name] = await vault.shown(scope, "stays", column, row["id"], values.pop(column))
    return msgspec.convert(values, Stay)


def _occupied() -> RoomOccupied:
    return RoomOccupied("A guest lives in this room; check them out first.", field="room_number")
