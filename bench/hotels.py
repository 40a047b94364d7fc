"""Hotels to be measured, and the file of tokens by which the bench gets in elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal
from uuid import uuid4

import msgspec
from msgspec import Struct

from hub.db.ids import uuid7
from hub.db.pool import Role, connect, create_pool
from hub.demo.hotel import (
    INSERT_KITCHEN,
    INSERT_MENU,
    INSERT_TABLETS,
    INSERT_TENANT,
    OPEN_STAYS,
)
from hub.demo.menu import load_menu
from hub.drive.seats import Device
from hub.errors import InvalidInput, SettingError
from hub.security.keyring import Keyring
from hub.security.principal import Principal
from hub.security.sealing import MasterKeys
from hub.security.tokens import Tokens
from hub.tenants.store import USUAL_RATES

if TYPE_CHECKING:
    from hub.db.pool import Connection
    from hub.settings import Settings

_ACTIVATE: Final = "UPDATE app.device_rooms SET status = 'active' WHERE tenant_id = $1"
_PLAN: Final = "UPDATE app.tenants SET room_limit = $2 WHERE id = $1"
_DEVICES: Final = """
SELECT d.id, d.device_type, d.room_number, d.floor, d.stations, d.credential_version, s.id AS stay_id
FROM app.device_rooms AS d
LEFT JOIN app.stays AS s
    ON s.tenant_id = d.tenant_id AND s.room_number = d.room_number AND s.ended_at IS NULL
WHERE d.tenant_id = $1 ORDER BY d.room_number
"""


class Hotels(Struct, frozen=True):
    """So many hotels alike: rooms with a tablet and a guest each, and kitchen screens."""

    count: int
    rooms: int
    screens: int = 1

    @property
    def devices(self) -> int:
        return self.count * (self.rooms + self.screens)


def room_for(devices: int) -> Hotels:
    """Hotels of 100 devices, for at least so many: nine tablets to one kitchen screen."""
    return Hotels(-(-devices // 100), rooms=90, screens=10)


# In most of these kitchens nobody works: what the hub does about orders that wait is not what is measured.
_SETTINGS: Final = (
    '{"alert_unseen_seconds": 3600, "alert_hook_seconds": 3600, "alert_chime_seconds": 3600,'
    ' "alert_page_seconds": 7200}'
)


class Line(Struct, frozen=True, forbid_unknown_fields=True):
    """One line of a token file."""

    kind: Literal["tablet", "kitchen"]
    token: str
    hotel: str = ""


async def furnish(
    settings: Settings, hotels: int, rooms: int, token_seconds: int, screens: int = 1
) -> list[Line]:
    """Make hotels with the demo's menu, a tablet and a guest in each room, and kitchen screens; tokens for
    all of them, signed with the database's key. Raises SettingError and Unavailable."""
    pool = await create_pool(settings, Role.AUTH, 1)
    try:
        keyring = Keyring(pool, MasterKeys(settings.master_keys), settings.keys_seconds)
        tokens = Tokens(await keyring.first(), token_seconds)
    finally:
        await pool.close()
    connection = await connect(settings, Role.ADMIN)
    try:
        return [line for _ in range(hotels) for line in await _hotel(connection, rooms, screens, tokens)]
    finally:
        await connection.close()


async def _hotel(connection: Connection, rooms: int, screens: int, tokens: Tokens) -> list[Line]:
    tenant_id = uuid7()
    slug = f"bench-{uuid4().hex[:16]}"
    numbers = [str(101 + number) for number in range(rooms)]
    # Counted portions would sell out in the middle of a measurement; a dish with options is not one line.
    plain: dict[str, object] = {"stock_quantity": None, "options": []}
    menu = [
        {**msgspec.to_builtins(item), "id": str(uuid4()), "display_order": order, **plain}
        for order, item in enumerate(load_menu().items)
    ]
    async with connection.transaction():
        await connection.execute(INSERT_TENANT.text, tenant_id, slug, slug, _SETTINGS)
        await connection.execute(_PLAN, tenant_id, rooms)
        await connection.execute(INSERT_TABLETS.text, tenant_id, [uuid7() for _ in numbers], numbers)
        for _ in range(screens):
            await connection.execute(INSERT_KITCHEN.text, tenant_id, uuid7(), "Kitchen")
        await connection.execute(INSERT_MENU.text, tenant_id, msgspec.json.encode(menu).decode())
        await connection.execute(USUAL_RATES.text, tenant_id)
        await connection.execute(_ACTIVATE, tenant_id)
        await connection.execute(OPEN_STAYS.text, tenant_id)
        devices = await connection.fetch(_DEVICES, tenant_id)
    lines = []
    for device in devices:
        kind: Literal["tablet", "kitchen"] = "tablet" if device["device_type"] == "tablet" else "kitchen"
        token, _ = tokens.issue(
            Principal(
                tenant_id=tenant_id,
                id=device["id"],
                kind=kind,
                room_number=device["room_number"],
                stay_id=device["stay_id"],
                stations=tuple(device["stations"]),
                floor=device["floor"],
                access_version=device["credential_version"],
                expires_at=0,
            )
        )
        lines.append(Line(kind, token, slug))
    return lines


def write_tokens(path: Path, lines: list[Line]) -> None:
    """A file that only its owner can read. Raises SettingError."""
    try:
        path.touch(mode=0o600)
        path.write_bytes(b"".join(msgspec.json.encode(line) + b"\n" for line in lines))
    except OSError as error:
        raise SettingError(f"cannot write {path}: {error.strerror}", field="out") from error


def read_tokens(path: Path) -> list[Line]:
    """The lines of a token file. Raises SettingError or InvalidInput with the number of the line."""
    try:
        rows = path.read_bytes().splitlines()
    except OSError as error:
        raise SettingError(f"cannot read {path}: {error.strerror}", field="token-file") from error
    lines = []
    for number, row in enumerate(rows, 1):
        if row.strip():
            try:
                lines.append(msgspec.json.decode(row, type=Line))
            except (msgspec.MsgspecError, UnicodeDecodeError) as error:
                raise InvalidInput(f"{path}, line {number}: {error}", field="token-file") from error
    return lines


def devices(lines: list[Line], *, needs_both: bool = True) -> list[Device]:
    """The devices, hotel by hotel. Raises InvalidInput when there are none, or (`needs_both`) when a hotel
    lacks tablets or kitchens."""
    hotels = {name: number for number, name in enumerate(dict.fromkeys(line.hotel for line in lines))}
    kinds_of: dict[str, set[str]] = {}
    for line in lines:
        kinds_of.setdefault(line.hotel, set()).add(line.kind)
    for name, kinds in kinds_of.items():
        if needs_both and (missing := {"tablet", "kitchen"} - kinds):
            which = f"hotel {name!r}" if name else "the token file"
            raise InvalidInput(f"{which} has no {missing.pop()}: orders need both", field="token-file")
    if not hotels:
        raise InvalidInput("the token file is empty", field="token-file")
    found = [Device(line.kind, line.token, hotels[line.hotel]) for line in lines]
    return sorted(found, key=lambda device: device.hotel)


def shares(found: list[Device], count: int) -> list[list[Device]]:
    """The devices of `count` processes, whole hotels each. InvalidInput when hotels are fewer."""
    hotels = max(device.hotel for device in found) + 1
    if hotels < count:
        raise InvalidInput(f"{count} clients need as many hotels, there are {hotels}", field="clients")
    return [
        [device for device in found if device.hotel * count // hotels == number] for number in range(count)
    ]
