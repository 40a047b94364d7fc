"""The demo hotel in the database: complete, and as every part of the hub wants a hotel."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any
from uuid import UUID

import msgspec
import pytest

from hub.demo.hotel import ROOMS, SERVICE_CHARGE_BP, open_hotel
from hub.demo.menu import ALLERGENS, load_menu, load_pages
from hub.menu.documents import Hotel, MenuItem
from hub.pages.documents import Snapshot
from hub.pages.html import clean

if TYPE_CHECKING:
    from hub.db.pool import Connection
    from hub.settings import Settings


@pytest.fixture(scope="module")
async def demo(settings: Settings) -> UUID:
    return await open_hotel(settings)


async def document(admin: Connection, view: str, tenant_id: UUID) -> Any:
    found = await admin.fetchval(f"SELECT document FROM app.{view} WHERE tenant_id = $1", tenant_id)
    return msgspec.json.decode(found)


async def test_it_is_opened_once_and_every_room_has_a_guest(
    settings: Settings, admin: Connection, demo: UUID
) -> None:
    assert await open_hotel(settings) == demo
    stays = await admin.fetch("SELECT room_number FROM app.stays WHERE tenant_id = $1", demo)
    assert sorted(row["room_number"] for row in stays) == sorted(ROOMS)


async def test_every_screen_knows_its_stations_charge_and_allergens(admin: Connection, demo: UUID) -> None:
    hotel = msgspec.convert(await document(admin, "hotel_documents", demo), Hotel)
    assert [(one.key, one.name_ja, one.name_en) for one in hotel.stations] == [
        (one.key, one.name_ja, one.name_en) for one in load_menu().stations
    ]
    assert hotel.service_charge_bp == SERVICE_CHARGE_BP == 1000
    assert {allergen.code for allergen in hotel.allergens.items} == ALLERGENS


async def test_the_menu_stands_as_it_is_written(admin: Connection, demo: UUID) -> None:
    rows = await admin.fetch(
        "SELECT document FROM app.menu_documents WHERE tenant_id = $1 AND visible ORDER BY display_order",
        demo,
    )
    shown = [msgspec.json.decode(row["document"], type=MenuItem) for row in rows]
    assert [item.name_ja for item in shown] == [item.name_ja for item in load_menu().items]
    for item, wanted in zip(shown, load_menu().items, strict=True):
        assert msgspec.json.encode(item.options) == msgspec.json.encode(wanted.options)
        assert item.may_contain == list(wanted.may_contain)
        assert item.allergens == (None if wanted.allergens is None else list(wanted.allergens))
        assert (item.days, item.fulfilment) == (wanted.days and list(wanted.days), wanted.fulfilment)
        assert (item.last_order_minutes, item.image_url) == (wanted.last_order_minutes, wanted.image_url)


async def test_whatever_it_sells_has_a_tax_rate(admin: Connection, demo: UUID) -> None:
    rows = await admin.fetch(
        "SELECT tax_class, fulfilment, rate_bp FROM app.tax_rates WHERE tenant_id = $1 AND valid_from <= $2",
        demo,
        date(2019, 10, 1),
    )
    rates = {(row["tax_class"], row["fulfilment"]): row["rate_bp"] for row in rows}
    for item in load_menu().items:
        # what lies in the fridge is served with a meal
        assert {(item.tax_class, item.fulfilment), (item.tax_class, "room_service")} <= set(rates)
    assert (rates["food", "fridge"], rates["food", "room_service"]) == (800, 1000)
    assert rates["service", "room_service"] == 1000


async def test_guests_can_read_its_pages(admin: Connection, demo: UUID) -> None:
    rows = await admin.fetch(
        "SELECT p.slug, h.snapshot::text AS snapshot FROM app.pages AS p"
        " JOIN app.page_histories AS h"
        " ON h.tenant_id = p.tenant_id AND h.page_id = p.id AND h.version = p.version"
        " WHERE p.tenant_id = $1 AND p.is_shown ORDER BY p.display_order",
        demo,
    )
    assert [row["slug"] for row in rows] == [page["slug"] for page in load_pages()]
    for row, page in zip(rows, load_pages(), strict=True):
        written = msgspec.json.decode(row["snapshot"], type=Snapshot)
        assert written.is_published
        for name in ("content_ja", "content_en"):
            assert page[name] == clean(page[name], demo, name) == getattr(written, name)
