"""The hotel that a rehearsal plays in: marked as a sandbox, as new each time, and never one with guests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from uuid import NAMESPACE_URL, UUID, uuid5

import msgspec
from msgspec import Struct

from hub.db.pool import Role, connect, create_pool
from hub.db.queries import load
from hub.demo.hotel import CODE_LIFE
from hub.drive.seats import Device
from hub.errors import Conflict
from hub.security.credentials import digest, new_secret
from hub.security.keyring import Keyring
from hub.security.principal import Principal
from hub.security.sealing import MasterKeys
from hub.security.tokens import Tokens

if TYPE_CHECKING:
    from hub.db.pool import Connection
    from hub.rehearse.script import Script
    from hub.settings import Settings

_queries = load("rehearse")
MAKE_SANDBOX: Final = _queries["make_sandbox"]
PUT_DISHES: Final = _queries["put_dishes"]
TAKE_OTHER_DISHES: Final = _queries["take_other_dishes"]
PUT_RATES: Final = _queries["put_rates"]
PUT_DEVICES: Final = _queries["put_devices"]
OPEN_STAYS: Final = _queries["open_stays"]
PUT_CODE: Final = _queries["put_code"]
END_ORDERS: Final = _queries["end_orders"]
END_ITEMS: Final = _queries["end_items"]
FORGET_PRESENCE: Final = _queries["forget_presence"]
DEVICES: Final = _queries["devices"]
ONLINE: Final = _queries["online"]

_SLUG: Final = "rehearsal"
_CREW: Final = "Rehearsal crew"
_ROOMS_A_FLOOR: Final = 20


class Sandbox(Struct, frozen=True):
    """`dishes` are the ids in the sandbox by those of the script; `tablets` stand in the order of the rooms.
    `codes` let the kitchen screens of the house in, once each."""

    tenant_id: UUID
    slug: str
    dishes: dict[str, str]
    tablets: list[Device]
    crew: Device
    screens: list[UUID]
    codes: list[str]


async def prepare(settings: Settings, script: Script, screens: int, token_seconds: int) -> Sandbox:
    """Make or reset the sandbox of a script, with so many kitchen screens for the house.

    Raises Conflict when a hotel that is no sandbox has its slug, and then nothing was written.
    """
    slug = f"{_SLUG}-{script.hotel}"[:63].rstrip("-")
    tokens = await _tokens(settings, token_seconds)
    connection = await connect(settings, Role.ADMIN)
    try:
        async with connection.transaction():
            tenant_id = await _make(connection, slug, script)
            dishes = {dish.id: str(uuid5(tenant_id, f"dish {dish.id}")) for dish in script.dishes}
            await _fill(connection, tenant_id, script, dishes)
            names = {f"Tablet {room}": room for room in map(_room, range(1, script.rooms + 1))}
            shown = [f"Kitchen {number}" for number in range(1, screens + 1)]
            tablets, kitchens = (_ids(tenant_id, each) for each in (list(names), [*shown, _CREW]))
            places = [*names.values(), *(None for _ in kitchens)]
            labels = [*names, *shown, _CREW]
            await connection.execute(PUT_DEVICES.text, tenant_id, [*tablets, *kitchens], labels, places)
            await connection.execute(OPEN_STAYS.text, tenant_id)
            codes = [await _code(connection, tenant_id, device_id) for device_id in kitchens[:-1]]
            devices = await _devices(connection, tenant_id, [*tablets, kitchens[-1]], tokens)
    finally:
        await connection.close()
    return Sandbox(
        tenant_id=tenant_id,
        slug=slug,
        dishes=dishes,
        tablets=[devices[device_id] for device_id in tablets],
        crew=devices[kitchens[-1]],
        screens=kitchens[:-1],
        codes=codes,
    )


async def online(connection: Connection, sandbox: Sandbox) -> int:
    """How many of its kitchen screens are there."""
    found: int = await connection.fetchval(ONLINE.text, sandbox.tenant_id, sandbox.screens)
    return found


async def _make(connection: Connection, slug: str, script: Script) -> UUID:
    wish = {
        "phone": "9",
        "stations": script.stations,
        "categories": script.categories,
        "service_charge_bp": script.service_charge_bp,
    }
    made: UUID | None = await connection.fetchval(
        MAKE_SANDBOX.text,
        uuid5(NAMESPACE_URL, f"hub:{slug}"),
        f"Rehearsal of {script.hotel}",
        slug,
        script.time_zone,
        script.prices_include_tax,
        script.tax_rounding,
        max(script.rooms, 50),
        msgspec.json.encode(wish).decode(),
    )
    if made is None:
        raise Conflict(
            f"a hotel has the name {slug!r} and is no sandbox: nothing was written; rename that hotel first",
            field="hotel",
        )
    return made


async def _fill(connection: Connection, tenant_id: UUID, script: Script, dishes: dict[str, str]) -> None:
    menu = [
        {**msgspec.to_builtins(dish), "id": dishes[dish.id], "display_order": order}
        for order, dish in enumerate(script.dishes)
    ]
    await connection.execute(END_ORDERS.text, tenant_id)
    await connection.execute(END_ITEMS.text, tenant_id)
    await connection.execute(FORGET_PRESENCE.text, tenant_id)
    await connection.execute(PUT_RATES.text, tenant_id, msgspec.json.encode(script.rates).decode())
    await connection.execute(PUT_DISHES.text, tenant_id, msgspec.json.encode(menu).decode())
    await connection.execute(TAKE_OTHER_DISHES.text, tenant_id, [UUID(dish) for dish in dishes.values()])


async def _code(connection: Connection, tenant_id: UUID, device_id: UUID) -> str:
    code = new_secret()
    await connection.execute(PUT_CODE.text, tenant_id, device_id, digest(code), CODE_LIFE)
    return code


async def _devices(
    connection: Connection, tenant_id: UUID, wanted: list[UUID], tokens: Tokens
) -> dict[UUID, Device]:
    made = {}
    for row in await connection.fetch(DEVICES.text, tenant_id, wanted):
        tablet = row["device_type"] == "tablet"
        token, _ = tokens.issue(
            Principal(
                tenant_id=tenant_id,
                id=row["id"],
                kind="tablet" if tablet else "kitchen",
                room_number=row["room_number"],
                stay_id=row["stay_id"],
                stations=tuple(row["stations"]),
                floor=row["floor"],
                access_version=row["credential_version"],
                expires_at=0,
            )
        )
        made[row["id"]] = Device("tablet" if tablet else "kitchen", token, 0)
    return made


async def _tokens(settings: Settings, seconds: int) -> Tokens:
    pool = await create_pool(settings, Role.AUTH, 1)
    try:
        keyring = Keyring(pool, MasterKeys(settings.master_keys), settings.keys_seconds)
        return Tokens(await keyring.first(), seconds)
    finally:
        await pool.close()


def _ids(tenant_id: UUID, names: list[str]) -> list[UUID]:
    return [uuid5(tenant_id, f"device {name}") for name in names]


def _room(number: int) -> str:
    """Twenty rooms on each floor, from 101 on."""
    floor, room = divmod(number - 1, _ROOMS_A_FLOOR)
    return f"{floor + 1}{room + 1:02}"
