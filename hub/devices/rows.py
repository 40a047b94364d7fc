"""The fleet in the database: pairing, and a hotel's devices as staff see and change them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

import asyncpg
import msgspec
from msgspec import Struct

from hub.db.pool import DATABASE_ERRORS
from hub.db.queries import load
from hub.devices.documents import FleetDevice, WaitingDevice
from hub.devices.model import DeviceType, PairedType, Status
from hub.devices.presence import SILENT
from hub.errors import Conflict, Unavailable

if TYPE_CHECKING:
    from hub.db.pool import Pool
    from hub.db.scope import Scope

_queries = load("fleet")
START_PAIRING = _queries["start_pairing"]
POLL_PAIRING = _queries["poll_pairing"]
FIND_PAIRING = _queries["find_pairing"]
APPROVE_PAIRING = _queries["approve_pairing"]
LOCK_TABLETS = _queries["lock_tablets"]
ADD_DEVICE = _queries["add_device"]
PREPARE_DEVICE = _queries["prepare_device"]
LOCK_DEVICE = _queries["lock_device"]
SET_STATUS = _queries["set_status"]
OPEN_ORDERS = _queries["open_orders"]
CHANGE_DEVICE = _queries["change_device"]
READ_DEVICE = _queries["read_device"]
LIST_DEVICES = _queries["list_devices"]


class Locked(Struct, frozen=True):
    """A device that is about to change."""

    device_type: DeviceType
    room_number: str | None
    status: Status


class RoomTablet(Struct, frozen=True):
    """A tablet that stands for a room."""

    id: UUID
    device_name: str
    status: Status


class Filters(Struct, frozen=True):
    """None lets everything through."""

    device_type: DeviceType | None = None
    status: Status | None = None
    floor: str | None = None
    online: bool | None = None


async def start_pairing(
    pool: Pool, secret: bytes, code: bytes, device_type: PairedType, client: str | None, life: timedelta
) -> bool:
    """Let a device wait behind a code; False when another one does. Raises Unavailable."""
    try:
        return bool(await pool.fetchval(START_PAIRING.text, secret, code, device_type, client, life))
    except DATABASE_ERRORS as error:
        raise Unavailable("the hub cannot reach its data now; try again") from error


async def poll_pairing(pool: Pool, secret: bytes) -> tuple[UUID | None, UUID | None] | None:
    """The tenant and device that it was approved for, None and None while it waits; None when it is over.

    Raises Unavailable.
    """
    try:
        row = await pool.fetchrow(POLL_PAIRING.text, secret)
    except DATABASE_ERRORS as error:
        raise Unavailable("the hub cannot reach its data now; try again") from error
    return None if row is None else (row["tenant_id"], row["device_id"])


async def find_pairing(scope: Scope, code: bytes) -> WaitingDevice | None:
    row = await scope.fetchrow(FIND_PAIRING, scope.tenant_id, code)
    return None if row is None else WaitingDevice(**dict(row))


async def approve_pairing(scope: Scope, code: bytes, device_id: UUID) -> bool:
    """False when the code is not good any more. Raises Conflict when the room has another tablet by now."""
    try:
        return bool(await scope.fetchval(APPROVE_PAIRING, scope.tenant_id, code, device_id))
    except asyncpg.UniqueViolationError as error:
        raise other_tablet() from error


async def lock_tablets(scope: Scope, room: str) -> list[RoomTablet]:
    """The tablets that stand for a room; one that only waits to be paired comes last."""
    return [RoomTablet(**dict(row)) for row in await scope.fetch(LOCK_TABLETS, scope.tenant_id, room)]


async def add_device(
    scope: Scope, device_id: UUID, name: str, device_type: PairedType, room: str | None, stations: list[str]
) -> None:
    """Raises LimitReached."""
    await scope.execute(ADD_DEVICE, scope.tenant_id, device_id, name, device_type, room, stations)


async def prepare_device(scope: Scope, device_id: UUID, name: str) -> None:
    await scope.execute(PREPARE_DEVICE, scope.tenant_id, device_id, name)


async def lock_device(scope: Scope, device_id: UUID) -> Locked | None:
    row = await scope.fetchrow(LOCK_DEVICE, scope.tenant_id, device_id)
    return None if row is None else Locked(**dict(row))


async def set_status(scope: Scope, device_id: UUID, status: Status) -> None:
    """Raises Conflict when the room has another tablet by now."""
    try:
        await scope.execute(SET_STATUS, scope.tenant_id, device_id, status)
    except asyncpg.UniqueViolationError as error:
        raise other_tablet() from error


async def open_orders(scope: Scope, room: str) -> int:
    count = await scope.fetchval(OPEN_ORDERS, scope.tenant_id, room)
    return int(str(count))


async def change_device(scope: Scope, device: FleetDevice) -> None:
    """Write what staff may change. Raises Conflict when the room has another tablet."""
    try:
        await scope.execute(
            CHANGE_DEVICE,
            scope.tenant_id,
            device.id,
            device.device_name,
            device.room_number,
            list(device.stations),
            device.room_type,
            device.floor,
            device.building,
            msgspec.json.encode(device.settings).decode(),
        )
    except asyncpg.UniqueViolationError as error:
        raise other_tablet() from error


async def read_device(scope: Scope, device_id: UUID) -> FleetDevice | None:
    row = await scope.fetchrow(READ_DEVICE, scope.tenant_id, device_id, SILENT)
    return None if row is None else _device(row)


async def list_devices(
    scope: Scope, filters: Filters, after: tuple[datetime, UUID], limit: int
) -> list[FleetDevice]:
    """At most `limit` devices after a place in the list, oldest first."""
    only = (filters.device_type, filters.status, filters.floor, filters.online)
    rows = await scope.fetch(LIST_DEVICES, scope.tenant_id, limit, SILENT, *after, *only)
    return [_device(row) for row in rows]


def other_tablet() -> Conflict:
    return Conflict("This room already has another tablet.", field="room_number")


def _device(row: asyncpg.Record) -> FleetDevice:
    values = dict(row)
    values["settings"] = msgspec.json.decode(values["settings"])
    return msgspec.convert(values, FleetDevice)
