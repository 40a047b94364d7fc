"""Options, service charge, rates and declared allergens, from the menu's rows to the order's document."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from hub.db.database import Database
from hub.errors import AllergenConflict, InvalidInput
from hub.orders.documents import ChangedOrder, OneOrder, Order
from hub.orders.messages import QuoteReply
from tests.ordering import Client

if TYPE_CHECKING:
    from hub.db.pool import Connection
    from tests.factories import Hotel

CAKE_OPTIONS = [
    {
        "key": "top",
        "name_ja": "トッピング",
        "name_en": "Topping",
        "min": 0,
        "max": 2,
        "choices": [
            {"key": "nuts", "name_ja": "くるみ", "name_en": "Walnuts", "price": 100, "allergens": ["walnut"]},
            {"key": "chef", "name_ja": "おまかせ", "name_en": "Chef's", "price": 0, "allergens": None},
        ],
    }
]


@pytest.fixture
def client(database: Database) -> Client:
    return Client(database)


@pytest.fixture(autouse=True)
async def charging(hotel: Hotel, admin: Connection) -> None:
    """10 % for service, prices without tax, a cake with options, and a curry that waits in the fridge."""
    await admin.execute(
        "UPDATE app.tenants SET prices_include_tax = false,"
        " settings = settings || '{\"service_charge_bp\": 1000}' WHERE id = $1",
        hotel.tenant_id,
    )
    await admin.execute(
        "INSERT INTO app.tax_rates (tenant_id, tax_class, fulfilment, rate_bp, valid_from)"
        " VALUES ($1, 'food', 'fridge', 800, '2019-10-01'),"
        " ($1, 'service', 'room_service', 1000, '2019-10-01')",
        hotel.tenant_id,
    )
    await admin.execute(
        "UPDATE app.menu_items SET options = $2, allergens = '{egg}', may_contain = '{milk}' WHERE id = $1",
        hotel.menu["cake"],
        json.dumps(CAKE_OPTIONS),
    )
    await admin.execute("UPDATE app.menu_items SET fulfilment = 'fridge' WHERE id = $1", hotel.menu["curry"])


def line(hotel: Hotel, name: str, *options: str, quantity: int = 1) -> dict[str, object]:
    return {"menu_item_id": hotel.menu[name], "quantity": quantity, "options": options}


async def place(client: Client, hotel: Hotel, *lines: dict[str, object], **args: object) -> Order:
    return (await client.call(hotel.tablet(), "order.place", OneOrder, lines=lines, **args)).order


def amounts(order: Order) -> tuple[int, int, int, int]:
    return (order.subtotal_amount, order.service_amount, order.tax_amount, order.total_amount)


def taxes(order: Order) -> list[tuple[int, int, int]]:
    return [(part.rate_bp, part.base_amount, part.tax_amount) for part in order.taxes]


async def test_options_and_service_charge_are_in_the_order_as_in_its_quote(
    client: Client, hotel: Hotel
) -> None:
    cart = [line(hotel, "cake", "top:nuts", quantity=2), line(hotel, "soup")]
    quote = (await client.call(hotel.tablet(), "order.quote", QuoteReply, lines=cart)).quote
    order = await place(client, hotel, *cart, quoted_total=quote.total_amount)
    # (700 + 100) x 2 + 900 = 2500; service 250; 10 % of 2750 = 275
    assert amounts(order) == (2500, 250, 275, 3025)
    assert (order.service_charge_bp, taxes(order)) == (1000, [(1000, 2750, 275)])
    assert [(item.unit_price, item.total_price) for item in order.items] == [(800, 1600), (900, 900)]
    (kept,) = order.items[0].options
    assert (kept.key, kept.group_ja, kept.name_en, kept.price) == ("top:nuts", "トッピング", "Walnuts", 100)
    assert quote.lines[0].options == (kept,)


async def test_a_cancelled_line_leaves_rates_and_service_charge_as_they_were(
    client: Client, hotel: Hotel, admin: Connection
) -> None:
    order = await place(
        client, hotel, line(hotel, "cake", "top:nuts"), line(hotel, "curry"), line(hotel, "soup")
    )
    assert {item.tax_rate_bp for item in order.items} == {1000}
    await admin.execute(
        "UPDATE app.tenants SET prices_include_tax = true, settings = '{}' WHERE id = $1", hotel.tenant_id
    )
    await admin.execute("UPDATE app.tax_rates SET rate_bp = 0 WHERE tenant_id = $1", hotel.tenant_id)
    left = await client.call(hotel.tablet(), "order.cancel", ChangedOrder, order_id=order.id, items=[1, 3])
    # 1800; service 180; 10 % of 1980 = 198
    assert amounts(left.order) == (1800, 180, 198, 2178)
    assert (left.order.service_charge_bp, taxes(left.order)) == (1000, [(1000, 1980, 198)])
    none = await client.call(hotel.tablet(), "order.cancel", ChangedOrder, order_id=order.id)
    assert (amounts(none.order), none.order.taxes) == ((0, 0, 0, 0), [])


async def test_a_cancelled_line_is_rounded_as_its_order_was(
    client: Client, hotel: Hotel, admin: Connection
) -> None:
    mode = "UPDATE app.tenants SET tax_rounding = $2 WHERE id = $1"
    await admin.execute("UPDATE app.menu_items SET price = 905 WHERE id = $1", hotel.menu["soup"])
    await admin.execute(mode, hotel.tenant_id, "ceil")
    old = await place(client, hotel, line(hotel, "soup"), line(hotel, "cake"))
    alone = await place(client, hotel, line(hotel, "soup"))
    await admin.execute(mode, hotel.tenant_id, "floor")
    left = (await client.call(hotel.tablet(), "order.cancel", ChangedOrder, order_id=old.id, items=[2])).order
    # 905; service 90.5 is 91; 10 % of 996 is 100
    assert amounts(left) == amounts(alone) == (905, 91, 100, 1096)
    assert taxes(left) == taxes(alone)
    now = await place(client, hotel, line(hotel, "soup"))
    assert amounts(now) == (905, 90, 99, 1094), "a new order is rounded as the hotel does now"


async def test_from_the_fridge_alone_there_is_no_service_and_another_rate(
    client: Client, hotel: Hotel, admin: Connection
) -> None:
    order = await place(client, hotel, line(hotel, "curry", quantity=3))
    assert amounts(order) == (5400, 0, 432, 5832)
    assert (order.service_charge_bp, order.items[0].tax_rate_bp, order.items[0].fulfilment) == (
        0,
        800,
        "fridge",
    )
    kind = await admin.fetchval("SELECT delivery_type FROM app.orders WHERE id = $1", order.id)
    assert kind == "fridge"


async def test_an_option_that_the_dish_has_not(client: Client, hotel: Hotel) -> None:
    with pytest.raises(InvalidInput) as caught:
        await place(client, hotel, line(hotel, "soup"), line(hotel, "cake", "top:gold"))
    assert caught.value.field == "lines[1].options"


async def test_declared_allergens_need_the_guests_word_and_stay_with_the_order(
    client: Client, hotel: Hotel, admin: Connection
) -> None:
    await admin.execute(
        "UPDATE app.stays SET allergens = '{milk,walnut}', allergens_version = 'jp-2026-04',"
        " allergens_declared_at = now() WHERE id = $1",
        hotel.rooms[0].stay_id,
    )
    cart = (line(hotel, "soup"), line(hotel, "cake", "top:nuts"), line(hotel, "cake", "top:chef"))
    with pytest.raises(AllergenConflict) as caught:
        await place(client, hotel, *cart)
    both = ("milk", "walnut")
    assert caught.value.details["conflicts"] == [
        {"line": 2, "allergens": both, "unconfirmed": False},
        {"line": 3, "allergens": both, "unconfirmed": True},
    ]
    order = await place(client, hotel, *cart, allergens_confirmed=True)
    assert [item.conflicts for item in order.items] == [[], [*both], [*both]]
    assert [item.allergens for item in order.items] == [[], ["egg", "walnut"], None]
    assert order.declared_allergens == [*both]
