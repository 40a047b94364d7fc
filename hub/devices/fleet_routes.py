"""HTTP of the fleet, for staff: approving pairings, seeing and changing a hotel's devices."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import msgspec
from msgspec import Meta, Raw, Struct, structs

from hub.devices import fleet, rows
from hub.devices.documents import (
    MOST_DEVICES,
    ApproveArgs,
    ApprovePairing,
    ChangeDevice,
    DevicePage,
    Label,
    OneDevice,
    WaitingDevice,
)
from hub.devices.model import TRANSITIONS, Action, DeviceType, Status
from hub.devices.routes import client_ip
from hub.errors import Conflict, InvalidTransition, LimitReached, NotFound
from hub.security.permissions import Permission
from hub.web.cursor import START, Cursor, cursor, read_cursor
from hub.web.endpoint import Guarded, GuardedRun, Spec
from hub.web.gate import Gate, operation_id, path_id, query

if TYPE_CHECKING:
    from starlette.requests import Request

    from hub.db.database import Database
    from hub.db.scope import Scope
    from hub.devices.pairing import Pairing
    from hub.operations import Operations
    from hub.security.principal import Principal

_SUMMARIES: dict[Action, str] = {
    "suspend": "Shut a device out until it is resumed",
    "resume": "Let a suspended device in again",
    "lost": "Shut out a device that is not where it should be; only pairing brings it back",
    "retire": "Shut a device out for good",
}


class ListDevices(Struct, frozen=True, forbid_unknown_fields=True):
    """`after` is the `next` of the page before."""

    type: DeviceType | None = None
    status: Status | None = None
    floor: Label | None = None
    online: bool | None = None
    after: Cursor | None = None
    limit: Annotated[int, Meta(ge=1, le=MOST_DEVICES)] = 100


def routes(gate: Gate, pairing: Pairing, operations: Operations, database: Database) -> list[Guarded]:
    async def find(request: Request, principal: Principal) -> WaitingDevice:
        return await pairing.find(principal, request.path_params["user_code"], client_ip())

    async def approve(request: Request, principal: Principal) -> Raw:
        op_id = operation_id(request)
        wish = await gate.read(request, ApprovePairing)
        await pairing.limit(principal, client_ip())
        args = ApproveArgs(user_code=request.path_params["user_code"], **structs.asdict(wish))
        try:
            return await operations.call("device.approve", principal, op_id, msgspec.json.encode(args))
        except NotFound:
            await pairing.guessed(principal)
            raise

    async def listed(request: Request, principal: Principal) -> DevicePage:
        wanted = query(request, ListDevices)
        filters = rows.Filters(wanted.type, wanted.status, wanted.floor, wanted.online)
        after = START if wanted.after is None else read_cursor(wanted.after)
        async with database.read(principal.tenant_id, principal.actor()) as scope:
            found = await rows.list_devices(scope, filters, after, wanted.limit + 1)
        page = found[: wanted.limit]
        more = len(found) > wanted.limit
        return DevicePage(page, cursor(page[-1].created_at, page[-1].id) if more else None)

    async def read(request: Request, principal: Principal) -> OneDevice:
        device_id = path_id(request, "device_id")
        async with database.read(principal.tenant_id, principal.actor()) as scope:
            return await fleet.read(scope, device_id)

    async def change(request: Request, principal: Principal) -> OneDevice:
        device_id = path_id(request, "device_id")
        wish = await gate.read(request, ChangeDevice)

        async def work(scope: Scope) -> OneDevice:
            return await fleet.change(scope, device_id, wish)

        return await database.transaction(principal.tenant_id, principal.actor(), work, idempotent=True)

    def acting(action: Action) -> GuardedRun:
        async def act(request: Request, principal: Principal) -> OneDevice:
            device_id = path_id(request, "device_id")

            async def work(scope: Scope) -> OneDevice:
                return await fleet.act(scope, device_id, action)

            return await database.transaction(principal.tenant_id, principal.actor(), work, idempotent=True)

        return act

    return [
        Guarded(
            gate,
            Permission.DEVICE_PAIR,
            "GET",
            "/api/v1/devices/pairing/{user_code}",
            find,
            Spec(
                name="readPairing",
                summary="What waits behind a code that a screen shows",
                tag="devices",
                result=WaitingDevice,
                errors=(NotFound,),
            ),
        ),
        Guarded(
            gate,
            Permission.DEVICE_PAIR,
            "POST",
            "/api/v1/devices/pairing/{user_code}/approve",
            approve,
            Spec(
                name="approvePairing",
                summary="Give the device behind a code its place in the hotel",
                tag="devices",
                body=ApprovePairing,
                result=OneDevice,
                errors=(NotFound, Conflict, LimitReached),
                once=True,
            ),
        ),
        Guarded(
            gate,
            Permission.DEVICE_READ,
            "GET",
            "/api/v1/devices",
            listed,
            Spec(
                name="listDevices",
                summary="The hotel's devices, oldest first",
                tag="devices",
                query=ListDevices,
                result=DevicePage,
            ),
        ),
        Guarded(
            gate,
            Permission.DEVICE_READ,
            "GET",
            "/api/v1/devices/{device_id}",
            read,
            Spec(
                name="readDevice", summary="One device", tag="devices", result=OneDevice, errors=(NotFound,)
            ),
        ),
        Guarded(
            gate,
            Permission.DEVICE_MANAGE,
            "PATCH",
            "/api/v1/devices/{device_id}",
            change,
            Spec(
                name="changeDevice",
                summary="Rename a device, move it, or change its stations and settings",
                tag="devices",
                body=ChangeDevice,
                result=OneDevice,
                errors=(NotFound, Conflict),
            ),
        ),
        *(
            Guarded(
                gate,
                Permission.DEVICE_MANAGE,
                "POST",
                f"/api/v1/devices/{{device_id}}/{action}",
                acting(action),
                Spec(
                    name=f"{action}Device",
                    summary=_SUMMARIES[action],
                    tag="devices",
                    result=OneDevice,
                    errors=(NotFound, InvalidTransition, Conflict),
                ),
            )
            for action in TRANSITIONS
        ),
    ]
