"""Devices in the database: their credentials, and which of them are online."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

import asyncpg
import msgspec

from hub.db.pool import DATABASE_ERRORS
from hub.db.queries import load
from hub.devices.model import Device, tenant_closed
from hub.errors import Conflict, HubError, TokenExpired, Unauthorized, Unavailable

if TYPE_CHECKING:
    from hub.db.pool import Pool
    from hub.db.scope import Scope
    from hub.security.principal import Principal

_queries = load("devices")
ADMITTED = _queries["admitted"]
CLAIM_CODE = _queries["claim_code"]
DEVICE = _queries["device"]
OFFER_CREDENTIAL = _queries["offer_credential"]
PROMOTE_CREDENTIAL = _queries["promote_credential"]
WIPED = _queries["wiped"]
OPEN_SESSIONS = _queries["open_sessions"]
SEE_SESSIONS = _queries["see_sessions"]
CLOSE_SESSIONS = _queries["close_sessions"]
INVITE_PHONE = _queries["invite_phone"]
STAY_EXISTS = _queries["stay_exists"]


async def claim_code(auth_pool: Pool, code_hash: bytes, credential_hash: bytes) -> tuple[UUID, UUID] | None:
    """Tenant and device of a code, which is used up for this credential; None when it is not good.

    Raises Conflict when the device's room has another tablet, Unavailable.
    """
    try:
        row = await auth_pool.fetchrow(CLAIM_CODE.text, code_hash, credential_hash)
    except asyncpg.UniqueViolationError as error:
        raise Conflict("This room already has another tablet.", field="code") from error
    except DATABASE_ERRORS as error:
        raise Unavailable("the hub cannot reach its data now; try again") from error
    if row is None or row["device_id"] is None:
        return None
    return row["tenant_id"], row["device_id"]


async def invite_phone(
    scope: Scope, stay_id: UUID, asking: UUID | None, code_hash: bytes, life: timedelta
) -> datetime | None:
    """Until when the code is good; None when the stay is over, or not that of the asking tablet's room."""
    ends = await scope.fetchval(INVITE_PHONE, scope.tenant_id, stay_id, asking, code_hash, life)
    return ends if isinstance(ends, datetime) else None


async def stay_exists(scope: Scope, stay_id: UUID) -> bool:
    """Open or ended."""
    return bool(await scope.fetchval(STAY_EXISTS, scope.tenant_id, stay_id))


async def device(scope: Scope, device_id: UUID) -> Device | None:
    row = await scope.fetchrow(DEVICE, scope.tenant_id, device_id)
    return None if row is None else msgspec.convert(dict(row), Device)


async def admitted(scope: Scope, asked: Sequence[Principal]) -> list[HubError | None]:
    """For each of these devices, None, or why it is not served as its token says: TokenExpired when a fresh
    token would say it right."""
    rows = await scope.fetch(
        ADMITTED,
        scope.tenant_id,
        [one.id for one in asked],
        [one.device_type for one in asked],
        [one.room_number for one in asked],
        [one.access_version for one in asked],
        [one.stay_id for one in asked],
        [one.floor for one in asked],
        [",".join(one.stations) for one in asked],
    )
    verdicts: list[HubError | None] = [Unauthorized("This session has ended.")] * len(asked)
    for row in rows:
        if row["good"]:
            verdicts[row["number"] - 1] = _verdict(row)
    return verdicts


def _verdict(row: asyncpg.Record) -> HubError | None:
    if row["tenant_status"] != "active":
        return tenant_closed(row["tenant_status"], row["tenant_reason"])
    return TokenExpired("Get a fresh token: this device's place has changed.") if row["stale"] else None


async def offer_credential(scope: Scope, device_id: UUID, present: bytes, following: bytes) -> bool:
    """Give the device its next credential; False when the present one is another by now."""
    return bool(await scope.execute(OFFER_CREDENTIAL, scope.tenant_id, device_id, present, following))


async def promote_credential(scope: Scope, device_id: UUID, following: bytes) -> bool:
    """Make the next credential the present one; False when that has been done."""
    return bool(await scope.execute(PROMOTE_CREDENTIAL, scope.tenant_id, device_id, following))


async def wiped(scope: Scope, device_id: UUID, requested_at: datetime) -> bool:
    """The device has done what it was asked at that time; False when it was asked at another one."""
    return bool(await scope.execute(WIPED, scope.tenant_id, device_id, requested_at))


async def open_sessions(scope: Scope, opened: Mapping[UUID, tuple[datetime, float]]) -> dict[UUID, int]:
    """The generation of each device's new session, which was seen then and is so many seconds old; without
    those devices that do not exist, or whose session a newer one has followed."""
    seen, ages = [at for at, _ in opened.values()], [age for _, age in opened.values()]
    rows = await scope.fetch(OPEN_SESSIONS, scope.tenant_id, list(opened), seen, ages)
    return {row["device_id"]: row["session_generation"] for row in rows}


async def see_sessions(scope: Scope, seen: Mapping[tuple[UUID, int], datetime]) -> dict[UUID, int]:
    """The generation under which each device is online now; without those that a newer session holds."""
    devices, generations = [key[0] for key in seen], [key[1] for key in seen]
    rows = await scope.fetch(SEE_SESSIONS, scope.tenant_id, devices, generations, list(seen.values()))
    return {row["device_id"]: row["session_generation"] for row in rows}


async def close_sessions(scope: Scope, closed: Mapping[tuple[UUID, int], datetime]) -> None:
    devices, generations = [key[0] for key in closed], [key[1] for key in closed]
    await scope.execute(CLOSE_SESSIONS, scope.tenant_id, devices, generations, list(closed.values()))
