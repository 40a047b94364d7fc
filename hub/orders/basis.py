"""What a new order is made from, as it stands in the database."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final
from uuid import UUID

import msgspec
from msgspec import Struct, structs

from hub.db.queries import load
from hub.errors import Internal
from hub.orders.backlog import Backlog, Backlogs
from hub.orders.cart import Hotel, MenuItem
from hub.orders.load import Kitchen, Slots, slot_of, slots_taken
from hub.orders.pricing import TaxRate

if TYPE_CHECKING:
    import asyncpg

    from hub.db.scope import Scope

_queries = load("orders")
TERMS: Final = _queries["terms"]
MENU_ITEMS: Final = _queries["menu_items"]
BASIS: Final = _queries["basis"]
STAY_IN_ROOM: Final = _queries["stay_in_room"]
LOCK_SLOTS: Final = _queries["lock_slots"]
SLOTS_TAKEN: Final = _queries["slots_taken"]

_rates = msgspec.json.Decoder(tuple[TaxRate, ...])
_kitchen = msgspec.json.Decoder(Kitchen)
_backlog = msgspec.json.Decoder(Backlog)
_menu = msgspec.json.Decoder(tuple[MenuItem, ...])


class Basis(Struct, frozen=True):
    """`menu` has those of the items asked for that guests can see; the stay has `declared` its allergens."""

    hotel: Hotel
    kitchen: Kitchen
    menu: dict[UUID, MenuItem]
    declared: list[str]


class StayBasis(Basis, frozen=True):
    """The same for an order of a stay, which cannot end before the transaction."""

    room_number: str
    allergens_version: str | None


async def basis(
    scope: Scope, backlogs: Backlogs, stay_id: UUID | None, menu_item_ids: Iterable[UUID]
) -> Basis:
    """For a look; a `stay_id` of None, or of a stay that is over, has declared nothing."""
    recent = backlogs.recent(scope.tenant_id, scope.now)
    row = await scope.fetchrow(TERMS, scope.tenant_id, stay_id, scope.now, recent is None)
    if row is None:
        raise Internal("the transaction's tenant does not exist")
    items = await scope.fetch(MENU_ITEMS, scope.tenant_id, list(menu_item_ids))
    menu = {item["id"]: msgspec.convert(_plain(item), MenuItem) for item in items}
    return Basis(_hotel(row), _busy_kitchen(scope, backlogs, recent, row), menu, row["declared"])


async def basis_of_stay(
    scope: Scope, backlogs: Backlogs, stay_id: UUID, menu_item_ids: Iterable[UUID]
) -> StayBasis | None:
    """For an order; None when the stay is over."""
    recent = backlogs.recent(scope.tenant_id, scope.now)
    row = await scope.fetchrow(
        BASIS, scope.tenant_id, stay_id, list(menu_item_ids), scope.now, recent is None
    )
    if row is None:
        return None
    return StayBasis(
        _hotel(row),
        _busy_kitchen(scope, backlogs, recent, row),
        {item.id: item for item in _menu.decode(row["menu"])},
        row["declared"],
        row["room_number"],
        row["allergens_version"],
    )


async def stay_in_room(scope: Scope, room_number: str) -> UUID | None:
    """The stay that goes on in a room."""
    row = await scope.fetchrow(STAY_IN_ROOM, scope.tenant_id, room_number)
    return None if row is None else row["id"]


async def slots(scope: Scope, kitchen: Kitchen) -> Slots:
    """What the slots from now on have taken on; nothing is counted where nothing is limited."""
    if not kitchen.is_limited:
        return {}
    rows = await scope.fetch(SLOTS_TAKEN, scope.tenant_id, slot_of(scope.now, kitchen))
    return slots_taken(((row["at"], row["minutes"]) for row in rows), kitchen)


async def hold_slots(scope: Scope, kitchen: Kitchen) -> Slots:
    """The same, and nobody else takes of them before this transaction ends."""
    if kitchen.is_limited:
        await scope.execute(LOCK_SLOTS, scope.tenant_id)
    return await slots(scope, kitchen)


def _hotel(row: asyncpg.Record) -> Hotel:
    return Hotel(
        time_zone=row["time_zone"],
        prices_include_tax=row["prices_include_tax"],
        tax_rounding=row["tax_rounding"],
        business_day_cutover=row["business_day_cutover"],
        rates=_rates.decode(row["rates"]),
        service_charge_bp=row["service_charge_bp"],
    )


def _busy_kitchen(scope: Scope, backlogs: Backlogs, recent: Backlog | None, row: asyncpg.Record) -> Kitchen:
    """The kitchen with what waits there, which is counted now unless it was counted lately."""
    if recent is None:
        recent = _backlog.decode(row["backlog"])
        backlogs.keep(scope.tenant_id, scope.now, recent)
    return structs.replace(_kitchen.decode(row["kitchen"]), backlog=recent.minutes)


def _plain(row: asyncpg.Record) -> dict[str, object]:
    return dict(row) | {"options": msgspec.json.decode(row["options"])}
