"""A cart becomes priced lines, or is refused with the reason of each line; positions in lists of orders."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from typing import cast
from uuid import UUID

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from msgspec.structs import replace

from hub.errors import AgeNotAttested, Internal, InvalidInput, ItemUnavailable, NotFound, OutOfStock
from hub.orders.cart import Hotel, MenuItem, check_age, check_available, check_stock, price_cart
from hub.orders.messages import CartLine
from hub.orders.pricing import TaxRate
from hub.web.cursor import cursor, read_cursor

NOON = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)
RATES = (TaxRate("food", "room_service", 1000, date(2019, 10, 1)),)
HOTEL = Hotel("Asia/Tokyo", True, "floor", time(5), RATES, service_charge_bp=0)
SOUP = MenuItem(
    id=UUID(int=1),
    name_ja="味噌汁",
    name_en="Miso soup",
    description_ja=None,
    description_en=None,
    price=300,
    is_available=True,
    start_time=None,
    end_time=None,
    age_restricted=False,
    stock_quantity=None,
    allergens=["soy"],
    tax_class="food",
    preparation_minutes=5,
    station="kitchen",
    options=(),
    may_contain=(),
    fulfilment="room_service",
    days=None,
    last_order_minutes=0,
    sold_out_until=None,
)
BREAKFAST = replace(SOUP, id=UUID(int=2), start_time=time(7), end_time=time(10), last_order_minutes=30)
SAKE = replace(SOUP, id=UUID(int=3), age_restricted=True, price=1200)
SWITCHED_OFF = replace(SOUP, id=UUID(int=4), is_available=False)
SOLD_OUT_TODAY = replace(
    SOUP, id=UUID(int=14), is_available=False, sold_out_until=datetime(2026, 11, 21, 20, 0, tzinfo=UTC)
)
MENU = {item.id: item for item in (SOUP, BREAKFAST, SAKE, SWITCHED_OFF, SOLD_OUT_TODAY)}


def cart(*lines: tuple[MenuItem, int]) -> list[CartLine]:
    return [CartLine(item.id, quantity) for item, quantity in lines]


def test_lines_are_numbered_from_one_and_summed_by_item() -> None:
    priced = price_cart(HOTEL, MENU, cart((SOUP, 2), (SAKE, 1), (SOUP, 3)), NOON, declared=())
    assert [(item.line, item.unit_price, item.quantity) for item in priced.items] == [
        (1, 300, 2),
        (2, 1200, 1),
        (3, 300, 3),
    ]
    assert priced.wanted == {SOUP.id: 5, SAKE.id: 1}
    assert (priced.price.total_amount, priced.price.tax_amount) == (2700, 245)


def unavailable(*lines: tuple[MenuItem, int], at: datetime = NOON) -> list[tuple[object, ...]]:
    """Which lines are refused at that moment: field, reason, when it opens."""
    try:
        check_available(HOTEL, MENU, cart(*lines), at)
    except ItemUnavailable as error:
        refused = cast("list[dict[str, object]]", error.details["unavailable"])
        return [(line["field"], line["reason"], line["opens_at"]) for line in refused]
    return []


def test_each_line_that_is_not_available_says_why() -> None:
    with pytest.raises(ItemUnavailable) as caught:
        check_available(HOTEL, MENU, cart((SOUP, 1), (SWITCHED_OFF, 1), (BREAKFAST, 1)), NOON)
    assert caught.value.details == {
        "field": "lines[1].menu_item_id",
        "unavailable": [
            {
                "field": "lines[1].menu_item_id",
                "menu_item_id": SWITCHED_OFF.id,
                "reason": "sold_out",
                "opens_at": None,
                "start_time": None,
                "end_time": None,
            },
            {
                "field": "lines[2].menu_item_id",
                "menu_item_id": BREAKFAST.id,
                "reason": "closed",
                "opens_at": datetime(2026, 11, 21, 22, 0, tzinfo=UTC),
                "start_time": "07:00",
                "end_time": "10:00",
            },
        ],
    }


def test_the_last_order_is_not_the_end() -> None:
    early = datetime(2026, 11, 20, 22, 0, tzinfo=UTC)  # 07:00 in Tokyo
    tomorrow = early + timedelta(days=1)
    assert unavailable((BREAKFAST, 1), at=early + timedelta(minutes=149)) == []
    refused = [("lines[0].menu_item_id", "last_order", tomorrow)]
    assert unavailable((BREAKFAST, 1), at=early + timedelta(minutes=150)) == refused
    refused = [("lines[0].menu_item_id", "closed", tomorrow)]
    assert unavailable((BREAKFAST, 1), at=early + timedelta(minutes=180)) == refused


def test_what_comes_back_by_itself_is_back_at_its_time() -> None:
    back = SOLD_OUT_TODAY.sold_out_until
    assert back is not None
    refused = [("lines[1].menu_item_id", "sold_out", back)]
    assert unavailable((SOUP, 1), (SOLD_OUT_TODAY, 1), at=back - timedelta(seconds=1)) == refused
    assert unavailable((SOUP, 1), (SOLD_OUT_TODAY, 1), at=back) == []


def test_what_is_not_on_the_menu_is_named() -> None:
    with pytest.raises(NotFound) as caught:
        price_cart(HOTEL, {SOUP.id: SOUP}, cart((SOUP, 1), (SAKE, 1)), NOON, declared=())
    assert caught.value.field == "lines[1].menu_item_id"


def test_a_line_without_a_tax_rate_is_named() -> None:
    """What is sold from the fridge alone has no rate beside what is brought."""
    snack = TaxRate("snack", "fridge", 800, date(2019, 10, 1))
    hotel = replace(HOTEL, rates=(*RATES, snack))
    bar = replace(SOUP, id=UUID(int=20), tax_class="snack", fulfilment="fridge")
    menu = MENU | {bar.id: bar}
    assert price_cart(hotel, menu, cart((bar, 1)), NOON, declared=()).price.taxes[0].rate_bp == 800
    with pytest.raises(ItemUnavailable, match="no tax rate for snack as room service") as caught:
        price_cart(hotel, menu, cart((SOUP, 1), (bar, 1)), NOON, declared=())
    assert caught.value.details == {
        "field": "lines[1].menu_item_id",
        "unavailable": [
            {
                "field": "lines[1].menu_item_id",
                "menu_item_id": bar.id,
                "reason": "no_tax_rate",
                "opens_at": None,
                "start_time": None,
                "end_time": None,
            }
        ],
    }


def test_a_service_charge_without_a_rate_is_the_servers_fault() -> None:
    with pytest.raises(Internal, match="service charge on 2026-11-21"):
        price_cart(replace(HOTEL, service_charge_bp=1000), MENU, cart((SOUP, 1)), NOON, declared=())


def test_an_amount_beyond_measure() -> None:
    gold = replace(SOUP, price=10_000_000)
    with pytest.raises(InvalidInput) as caught:
        price_cart(HOTEL, {gold.id: gold}, cart(*[(gold, 99)] * 3), NOON, declared=())
    assert caught.value.field == "lines"


def test_the_guest_confirms_to_be_of_age() -> None:
    check_age(price_cart(HOTEL, MENU, cart((SOUP, 1)), NOON, declared=()), attested=False)
    with_sake = price_cart(HOTEL, MENU, cart((SOUP, 1), (SAKE, 1)), NOON, declared=())
    check_age(with_sake, attested=True)
    with pytest.raises(AgeNotAttested) as caught:
        check_age(with_sake, attested=False)
    assert caught.value.details["menu_item_ids"] == [SAKE.id]


def test_stock_counts_all_lines_of_an_item() -> None:
    priced = price_cart(HOTEL, MENU, cart((SOUP, 2), (SAKE, 1), (SOUP, 1)), NOON, declared=())
    assert check_stock(priced, {SOUP.id: 3}) == {SOUP.id: 3}
    with pytest.raises(OutOfStock) as caught:
        check_stock(priced, {SOUP.id: 2, SAKE.id: 0})
    assert caught.value.details["left"] == [
        {"menu_item_id": SOUP.id, "left": 2},
        {"menu_item_id": SAKE.id, "left": 0},
    ]


@given(micros=st.integers(0, 2**52), order_id=st.uuids())
def test_a_position_comes_back_as_it_was_given(micros: int, order_id: UUID) -> None:
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=micros)
    assert read_cursor(cursor(moment, order_id)) == (moment, order_id)


def is_position(text: str) -> bool:
    return re.fullmatch(r"[A-Za-z0-9_-]{32}", text) is not None


@given(text=st.text(max_size=40) | st.text("Aa0_-=", min_size=30, max_size=34))
def test_any_other_text_is_no_position(text: str) -> None:
    assume(not is_position(text))
    with pytest.raises(InvalidInput) as caught:
        read_cursor(text)
    assert caught.value.field == "after"
