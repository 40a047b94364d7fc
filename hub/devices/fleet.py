"""A hotel's devices as staff see and change them. What changes what a token says closes the device's socket:
the database tells every node."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from uuid import UUID

import msgspec
from msgspec import UNSET, structs

from hub.devices import rows
from hub.devices.documents import NAME_LENGTH, ChangeDevice, FleetDevice, OneDevice
from hub.devices.model import Action, after
from hub.devices.pairing import stations_of
from hub.devices.screens import read_settings
from hub.errors import Conflict, InvalidInput, NotFound
from hub.security import events
from hub.security.words import plain_text, room_number

if TYPE_CHECKING:
    from hub.db.scope import Scope

_LABELS: Final = ("room_type", "floor", "building")
_LABEL_LENGTH: Final = 50
_SETTINGS_BYTES: Final = 8192


async def read(scope: Scope, device_id: UUID) -> OneDevice:
    """Raises NotFound."""
    device = await rows.read_device(scope, device_id)
    if device is None:
        raise NotFound("There is no such device.", field="device_id")
    return OneDevice(device)


async def act(scope: Scope, device_id: UUID, action: Action) -> OneDevice:
    """Take the device through one of its transitions; once more changes nothing.

    Raises NotFound, InvalidTransition, Conflict when its room has another tablet by now.
    """
    locked = await rows.lock_device(scope, device_id)
    if locked is None:
        raise NotFound("There is no such device.", field="device_id")
    status = after(locked.status, action)
    if status != locked.status:
        await rows.set_status(scope, device_id, status)
        if status != "active":
            await events.record(scope, "device.revoked", device_id, {"status": status})
    return await read(scope, device_id)


async def change(scope: Scope, device_id: UUID, wish: ChangeDevice) -> OneDevice:
    """Change what is named.

    Raises NotFound, InvalidInput; Conflict when an order of the room's guest is open or the new room has a
    tablet.
    """
    locked = await rows.lock_device(scope, device_id)
    device = (await read(scope, device_id)).device
    if locked is None or locked.status == "retired":
        raise Conflict("This device is retired; pair it again.", device_status="retired")
    wanted = structs.replace(device, **_values(wish, device))
    if locked.room_number is not None and wanted.room_number != locked.room_number:
        count = await rows.open_orders(scope, locked.room_number)
        if count:
            raise Conflict(
                f"Room {locked.room_number} waits for {count} orders; move the tablet when they are done.",
                field="room_number",
                open_orders=count,
            )
    if wanted != device:
        await rows.change_device(scope, wanted)
    return await read(scope, device_id)


def _values(wish: ChangeDevice, device: FleetDevice) -> dict[str, object]:
    """What is named, brought to one form. Raises InvalidInput."""
    values: dict[str, object] = {
        name: value for name, value in structs.asdict(wish).items() if value is not UNSET
    }
    if isinstance(wish.device_name, str):
        values["device_name"] = plain_text(wish.device_name, "device_name", NAME_LENGTH)
    if isinstance(wish.stations, tuple):
        if device.device_type != "kitchen_screen" and wish.stations:
            raise InvalidInput("Only a kitchen screen has stations.", field="stations")
        values["stations"] = stations_of(wish.stations)
    if isinstance(wish.room_number, str):
        if device.device_type != "tablet":
            raise InvalidInput("Only a tablet can be moved to a room.", field="room_number")
        values["room_number"] = room_number(wish.room_number)
    elif wish.room_number is None and device.device_type == "tablet":
        raise InvalidInput("A tablet needs a room.", field="room_number")
    for name in _LABELS:
        if isinstance(text := values.get(name), str):
            values[name] = plain_text(text, name, _LABEL_LENGTH, empty=True) or None
    if isinstance(chosen := values.get("settings"), dict) and device.device_type == "kitchen_screen":
        values["settings"] = read_settings(chosen)
    if len(msgspec.json.encode(values.get("settings", {}))) > _SETTINGS_BYTES:
        raise InvalidInput(f"The settings are over {_SETTINGS_BYTES} bytes.", field="settings")
    return values
