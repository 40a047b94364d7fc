"""Options of a dish in the cart: what may be chosen, what it costs, and what the order keeps of it."""

from __future__ import annotations

from datetime import date, datetime, time
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from hub.errors import InvalidInput
from hub.menu.documents import Choice, OptionGroup
from hub.orders.cart import Hotel, MenuItem, price_cart
from hub.orders.documents import OrderOption
from hub.orders.messages import CartLine, QuoteLine
from hub.orders.options import choose
from hub.orders.pricing import TaxRate
from tests.unit.test_order_cart import HOTEL, NOON, SOUP

EGG = OptionGroup(
    "egg",
    "卵の焼き方",
    "How would you like your egg?",
    1,
    1,
    [
        Choice("fried", "目玉焼き", "Fried", 0, ["egg"]),
        Choice("none", "なし", "No egg", -100, []),
    ],
)
SIDES = OptionGroup(
    "sides",
    "付け合わせ",
    "Sides",
    0,
    2,
    [
        Choice("toast", "トースト", "Toast", 150, ["wheat"]),
        Choice("salad", "サラダ", "Salad", 300, []),
        Choice("fruit", "果物", "Fruit", 400, None),
    ],
)
BREAKFAST = replace(SOUP, price=1000, options=(EGG, SIDES))
FRIED = OrderOption("egg:fried", EGG.name_ja, EGG.name_en, "目玉焼き", "Fried", 0)
SALAD = OrderOption("sides:salad", "付け合わせ", "Sides", "サラダ", "Salad", 300)


def chosen(*keys: str) -> list[str]:
    """The keys in the order in which the cart keeps them."""
    found = choose(BREAKFAST.options, keys, field="lines[0].options")
    return [f"{group.key}:{choice.key}" for group, choice in found]


def order(dish: MenuItem, *lines: tuple[str, ...], hotel: Hotel = HOTEL) -> tuple[QuoteLine, ...]:
    cart = [CartLine(dish.id, 2, options=keys) for keys in lines]
    return price_cart(hotel, {dish.id: dish}, cart, NOON, declared=()).price.lines


def test_the_unit_price_includes_the_options_and_the_order_keeps_them() -> None:
    priced = price_cart(
        HOTEL,
        {BREAKFAST.id: BREAKFAST},
        [
            CartLine(BREAKFAST.id, 2, options=("sides:salad", "egg:fried")),
            CartLine(BREAKFAST.id, 1, None, ("egg:none",)),
        ],
        NOON,
        declared=(),
    )
    first, second = priced.price.lines
    assert (first.unit_price, first.total_price, first.options) == (1300, 2600, (FRIED, SALAD))
    assert (second.unit_price, second.total_price) == (900, 900)
    assert [item.options for item in priced.items] == [first.options, second.options]
    assert [item.unit_price for item in priced.items] == [1300, 900]
    assert priced.price.subtotal_amount == 3500
    assert priced.wanted == {BREAKFAST.id: 3}


def test_they_stand_in_the_menus_order() -> None:
    wanted = ["egg:fried", "sides:toast", "sides:fruit"]
    assert chosen("sides:fruit", "egg:fried", "sides:toast") == wanted
    assert chosen(*wanted) == wanted


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ((), "choose 1 of 'egg': 0 are chosen"),
        (("egg:fried", "egg:none"), "choose 1 of 'egg': 2 are chosen"),
        (("sides:salad",), "choose 1 of 'egg': 0 are chosen"),
        (
            ("egg:fried", "sides:toast", "sides:salad", "sides:fruit"),
            "choose 0 to 2 of 'sides': 3 are chosen",
        ),
        (("egg:fried", "egg:fried"), "'egg:fried' is chosen twice"),
        (("egg:poached",), "this dish has no option 'egg:poached'"),
        (("egg:fried", "sauce:soy"), "this dish has no option 'sauce:soy'"),
        (("egg:fried", "fried"), "this dish has no option 'fried'"),
        (("egg:fried", ""), "this dish has no option ''"),
        (("egg:fried", "egg:salad"), "this dish has no option 'egg:salad'"),
    ],
)
def test_what_does_not_fit_is_refused_with_its_line(keys: tuple[str, ...], message: str) -> None:
    with pytest.raises(InvalidInput, match=message) as caught:
        order(BREAKFAST, ("egg:fried",), keys)
    assert caught.value.field == "lines[1].options"


def test_a_dish_without_options_has_none_to_choose() -> None:
    assert order(SOUP, ())[0].options == ()
    with pytest.raises(InvalidInput, match="no option") as caught:
        order(SOUP, ("egg:fried",))
    assert caught.value.field == "lines[0].options"


def test_options_take_off_no_more_than_the_dish_costs() -> None:
    free = replace(EGG, min=0, max=2, choices=[replace(c, price=-800) for c in EGG.choices])
    (line,) = order(replace(BREAKFAST, options=(free,)), ("egg:fried", "egg:none"))
    assert (line.unit_price, line.total_price) == (0, 0)
    assert [option.price for option in line.options] == [-800, -800]


@given(keys=st.sets(st.sampled_from([f"{g.key}:{c.key}" for g in BREAKFAST.options for c in g.choices])))
def test_what_is_taken_is_what_was_asked_for(keys: set[str]) -> None:
    eggs = sum(key.startswith("egg:") for key in keys)
    if eggs == 1 and len(keys) - eggs <= 2:
        assert set(chosen(*keys)) == keys
    else:
        with pytest.raises(InvalidInput):
            chosen(*keys)


RATES = (
    TaxRate("food", "room_service", 1000, date(2019, 10, 1)),
    TaxRate("food", "fridge", 800, date(2019, 10, 1)),
    TaxRate("service", "room_service", 1000, date(2019, 10, 1)),
)
CHARGING = Hotel("Asia/Tokyo", False, "floor", time(5), RATES, service_charge_bp=1000)
WATER = replace(SOUP, id=UUID(int=9), price=200, fulfilment="fridge")


def test_an_order_says_where_it_comes_from_and_so_does_each_line() -> None:
    menu = {item.id: item for item in (SOUP, WATER)}
    fridge = price_cart(CHARGING, menu, [CartLine(WATER.id, 1)], NOON, declared=())
    assert (fridge.fulfilment, fridge.items[0].fulfilment, fridge.items[0].tax_rate_bp) == (
        "fridge",
        "fridge",
        800,
    )
    assert (
        fridge.price.service_charge_bp,
        fridge.price.service_tax_rate_bp,
        fridge.price.service_amount,
    ) == (0, 0, 0)
    both = price_cart(CHARGING, menu, [CartLine(WATER.id, 1), CartLine(SOUP.id, 1)], NOON, declared=())
    assert both.fulfilment == "room_service"
    assert [(item.fulfilment, item.tax_rate_bp) for item in both.items] == [
        ("fridge", 1000),
        ("room_service", 1000),
    ]
    assert (both.price.service_charge_bp, both.price.service_tax_rate_bp, both.price.service_amount) == (
        1000,
        1000,
        50,
    )
    assert (both.price.tax_amount, both.price.total_amount) == (55, 605)


def test_the_rate_of_the_service_charge_is_asked_for_only_where_it_is_charged() -> None:
    unserved = Hotel("Asia/Tokyo", False, "floor", time(5), RATES[:2], service_charge_bp=0)
    assert (
        price_cart(unserved, {SOUP.id: SOUP}, [CartLine(SOUP.id, 1)], NOON, declared=()).price.total_amount
        == 330
    )


def test_a_scheduled_order_is_taxed_as_on_its_day() -> None:
    later = replace(CHARGING, rates=(*RATES, TaxRate("food", "room_service", 0, date(2026, 11, 22))))
    cart, menu = [CartLine(SOUP.id, 1)], {SOUP.id: SOUP}
    due = datetime.fromisoformat("2026-11-22T05:00:00+09:00")
    assert price_cart(later, menu, cart, NOON, declared=()).items[0].tax_rate_bp == 1000
    assert price_cart(later, menu, cart, due, declared=()).items[0].tax_rate_bp == 0
