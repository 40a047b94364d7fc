"""The menu as guests see it, and the 86 switch."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

import msgspec
import pytest
from msgspec import Struct

from hub.db.database import Database
from hub.errors import AllergenConflict, Forbidden, InvalidInput, ItemUnavailable, NotFound, OutOfStock
from hub.menu.commands import read_menu
from hub.menu.documents import MenuItem, WholeMenu
from hub.orders.messages import QuoteReply
from tests.ordering import Client

if TYPE_CHECKING:
    from hub.db.pool import Connection
    from tests.database.logbook import Logbook
    from tests.factories import Hotel


class Switched(Struct, frozen=True, forbid_unknown_fields=True):
    menu_item: MenuItem


@pytest.fixture
def client(database: Database) -> Client:
    return Client(database)


async def read(client: Client, hotel: Hotel) -> WholeMenu:
    async with client.database.read(hotel.tenant_id, hotel.tablet().actor()) as scope:
        return msgspec.json.decode(msgspec.json.encode(await read_menu(scope)), type=WholeMenu)


async def switch(client: Client, hotel: Hotel, name: str, sold_out: bool) -> MenuItem:
    args = {"menu_item_id": hotel.menu[name], "sold_out": sold_out}
    return (await client.call(hotel.kitchen(), "menu.sold_out", Switched, **args)).menu_item


async def test_the_menu_is_what_guests_see_in_its_order(
    client: Client, hotel: Hotel, other_hotel: Hotel, admin: Connection
) -> None:
    await admin.execute(
        "UPDATE app.menu_items SET display_order = -1, start_time = '07:00', end_time = '10:30'"
        " WHERE id = $1",
        hotel.menu["cake"],
    )
    await admin.execute("UPDATE app.menu_items SET is_hidden = true WHERE id = $1", hotel.menu["curry"])
    menu = await read(client, hotel)
    assert [item.name_en for item in menu.items] == ["cake", "soup", "beer"]
    assert (menu.items[0].start_time, menu.items[0].end_time) == ("07:00", "10:30")
    assert (menu.hotel.id, menu.hotel.name) == (hotel.tenant_id, hotel.slug)


UNKNOWN_CODES = (
    "allergens = '{egg,soybean}'",
    "allergens = '{egg}', may_contain = '{peanuts}'",
    "allergens = '{Egg}'",
    "allergens = '{egg,NULL}'",
    'allergens = \'{}\', options = \'[{"key": "size", "name_ja": "S", "name_en": "S", "min": 0,'
    ' "max": 1, "choices": [{"key": "big", "name_ja": "B", "name_en": "B", "price": 0,'
    ' "allergens": ["soybean"]}]}]\'',
)


@pytest.mark.parametrize("unknown", UNKNOWN_CODES)
async def test_a_code_that_is_in_no_list_makes_a_dish_not_confirmed(
    client: Client, hotel: Hotel, admin: Connection, log: Logbook, unknown: str
) -> None:
    """Another system wrote it: nobody knows what it means, so nothing that a guest declares is ruled out."""
    soup = f"UPDATE app.menu_items SET {{}} WHERE id = '{hotel.menu['soup']}'"
    await admin.execute(soup.format("allergens = '{egg}', may_contain = '{milk}'"))
    await log.new()
    await admin.execute(soup.format(unknown))
    (event,) = await log.new()
    assert event.data["allergens"] is None
    shown = {item.id: item.allergens for item in (await read(client, hotel)).items}
    assert (shown[hotel.menu["soup"]], shown[hotel.menu["curry"]]) == (None, [])
    await client.call(hotel.tablet(), "stay.declare", dict, allergens=["soy"])
    cart = [{"menu_item_id": hotel.menu["soup"], "quantity": 1}]
    quote = (await client.call(hotel.tablet(), "order.quote", QuoteReply, lines=cart)).quote
    assert quote.lines[0].conflicts == ("soy",)
    with pytest.raises(AllergenConflict):
        await client.place(hotel, {"soup": 1})
    line = (await client.place(hotel, {"soup": 1}, allergens_confirmed=True)).items[0]
    assert (line.allergens, line.conflicts) == (None, ["soy"])
    choices = '[{"choices": [{"allergens": null}, {"allergens": ["milk"]}, {"allergens": []}]}]'
    await admin.execute(
        soup.format(f"allergens = '{{egg}}', may_contain = '{{milk}}', options = '{choices}'")
    )
    known = "SELECT allergens_known FROM app.menu_items WHERE id = $1"
    assert await admin.fetchval(known, hotel.menu["soup"]), "a choice may be not confirmed by itself"
    await admin.execute(soup.format("options = '[]'"))
    assert (await client.place(hotel, {"soup": 1})).items[0].allergens == ["egg"]


async def test_nobody_says_by_hand_that_the_codes_are_known(
    client: Client, hotel: Hotel, admin: Connection
) -> None:
    await admin.execute(
        "UPDATE app.menu_items SET allergens = '{soybean}', allergens_known = true WHERE id = $1",
        hotel.menu["soup"],
    )
    await admin.execute("UPDATE app.menu_items SET allergens_known = true WHERE id = $1", hotel.menu["soup"])
    assert (await read(client, hotel)).items[0].allergens is None


async def test_an_item_is_86ed_and_comes_back(client: Client, hotel: Hotel, admin: Connection) -> None:
    async def events() -> int:
        found = await admin.fetchval(
            "SELECT count(*) FROM app.events WHERE subject = $1 AND kind = 'menu_item'", hotel.menu["soup"]
        )
        assert isinstance(found, int)
        return found

    before = await events()
    assert (await switch(client, hotel, "soup", True)).sold_out
    assert (await switch(client, hotel, "soup", True)).sold_out
    assert await events() == before + 1, "once more is no news"
    with pytest.raises(ItemUnavailable):
        await client.place(hotel, {"soup": 1})
    assert not (await switch(client, hotel, "soup", False)).sold_out
    assert (await client.place(hotel, {"soup": 1})).status == "received"


async def test_the_switch_does_not_touch_the_count(client: Client, hotel: Hotel, admin: Connection) -> None:
    await client.place(hotel, {"cake": 3})
    assert [item.sold_out for item in (await read(client, hotel)).items if item.name_en == "cake"] == [True]
    with pytest.raises(OutOfStock) as used_up:
        await switch(client, hotel, "cake", False)
    assert used_up.value.details["left"] == [{"menu_item_id": hotel.menu["cake"], "left": 0}]
    await admin.execute("UPDATE app.menu_items SET stock_quantity = 2 WHERE id = $1", hotel.menu["cake"])
    assert (await switch(client, hotel, "cake", True)).sold_out
    count = await admin.fetchval(
        "SELECT stock_quantity FROM app.menu_items WHERE id = $1", hotel.menu["cake"]
    )
    assert count == 2


async def test_only_a_kitchen_switches_items_of_its_own_menu(
    client: Client, hotel: Hotel, other_hotel: Hotel, admin: Connection
) -> None:
    await admin.execute("UPDATE app.menu_items SET is_hidden = true WHERE id = $1", hotel.menu["curry"])
    for menu_item_id in (other_hotel.menu["soup"], hotel.menu["curry"], uuid4()):
        with pytest.raises(NotFound) as caught:
            await client.call(
                hotel.kitchen(), "menu.sold_out", Switched, menu_item_id=menu_item_id, sold_out=True
            )
        assert caught.value.field == "menu_item_id"
    assert [item.sold_out for item in (await read(client, other_hotel)).items] == [False] * 4
    with pytest.raises(Forbidden):
        await client.call(
            hotel.tablet(), "menu.sold_out", Switched, menu_item_id=hotel.menu["soup"], sold_out=True
        )
    with pytest.raises(InvalidInput) as wrong:
        await client.call(
            hotel.kitchen(), "menu.sold_out", Switched, menu_item_id=hotel.menu["soup"], sold_out="yes"
        )
    assert wrong.value.field == "sold_out"
