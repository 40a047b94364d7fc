"""What a stay has declared, against what is in each line of its cart."""

from __future__ import annotations

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from hub.errors import AllergenConflict
from hub.menu.documents import Choice, OptionGroup
from hub.orders.allergens import contained, in_conflict
from hub.orders.cart import MenuItem, PricedCart, check_allergens, price_cart
from hub.orders.messages import CartLine
from tests.unit.test_order_cart import HOTEL, NOON, SOUP

TOPPING = OptionGroup(
    "topping",
    "トッピング",
    "Topping",
    0,
    2,
    [
        Choice("egg", "卵", "Egg", 100, ["egg"]),
        Choice("chef", "おまかせ", "Chef's choice", 0, None),
    ],
)
RAMEN = replace(
    SOUP, id=UUID(int=5), allergens=["wheat", "soy"], may_contain=("shrimp", "soy"), options=(TOPPING,)
)
RICE = replace(SOUP, id=UUID(int=6), allergens=[])
UNKNOWN = replace(SOUP, id=UUID(int=7), allergens=None, may_contain=("milk",))


def order(declared: list[str], *lines: tuple[MenuItem, tuple[str, ...]]) -> PricedCart:
    menu = {item.id: item for item, _ in lines}
    cart = [CartLine(item.id, 1, options=options) for item, options in lines]
    return price_cart(HOTEL, menu, cart, NOON, declared=declared)


@pytest.mark.parametrize(
    ("declared", "dish", "options", "conflicts"),
    [
        (["wheat"], RAMEN, (), ("wheat",)),
        (["egg"], RAMEN, (), ()),
        (["egg"], RAMEN, ("topping:egg",), ("egg",)),
        (["shrimp"], RAMEN, (), ("shrimp",)),  # a trace
        (["soy"], RAMEN, (), ("soy",)),  # in it, and as a trace
        (["egg", "soy", "egg"], RAMEN, ("topping:egg",), ("egg", "soy")),
        (["soy", "milk", "egg"], RAMEN, ("topping:egg",), ("soy", "egg")),
        (["milk"], RAMEN, ("topping:chef",), ("milk",)),  # nobody knows what the chef takes
        (["milk", "wheat"], RAMEN, ("topping:egg", "topping:chef"), ("milk", "wheat")),
        (["wheat", "milk"], RICE, (), ()),
        (["wheat", "milk"], UNKNOWN, (), ("wheat", "milk")),
        ([], UNKNOWN, (), ()),
        ([], RAMEN, ("topping:chef",), ()),
    ],
)
def test_a_line_tells_what_cannot_be_ruled_out(
    declared: list[str], dish: MenuItem, options: tuple[str, ...], conflicts: tuple[str, ...]
) -> None:
    priced = order(declared, (RICE, ()), (dish, options))
    assert [item.conflicts for item in priced.items] == [(), conflicts]
    assert [line.conflicts for line in priced.price.lines] == [(), conflicts]


@pytest.mark.parametrize(
    ("dish", "options", "allergens"),
    [
        (RAMEN, (), ["wheat", "soy"]),
        (RAMEN, ("topping:egg",), ["wheat", "soy", "egg"]),
        (RAMEN, ("topping:chef",), None),
        (UNKNOWN, (), None),
        (RICE, (), []),
    ],
)
def test_a_line_keeps_what_is_in_the_dish_and_its_options(
    dish: MenuItem, options: tuple[str, ...], allergens: list[str] | None
) -> None:
    assert order([], (dish, options)).items[0].allergens == allergens


def test_a_conflict_needs_the_guests_word() -> None:
    clear = order(["egg"], (RICE, ()), (RAMEN, ()))
    check_allergens(clear, confirmed=False)
    priced = order(["egg", "wheat"], (RICE, ()), (RAMEN, ("topping:egg",)), (UNKNOWN, ()))
    check_allergens(priced, confirmed=True)
    with pytest.raises(AllergenConflict) as caught:
        check_allergens(priced, confirmed=False)
    assert caught.value.to_data()["code"] == "allergen_conflict"
    assert caught.value.details == {
        "field": "allergens_confirmed",
        "conflicts": [
            {"line": 2, "allergens": ("egg", "wheat"), "unconfirmed": False},
            {"line": 3, "allergens": ("egg", "wheat"), "unconfirmed": True},
        ],
    }


CODES = st.lists(st.sampled_from(["egg", "milk", "wheat", "soy", "shrimp"]), max_size=6)


@given(declared=CODES, parts=st.lists(CODES | st.none(), max_size=4), traces=CODES)
def test_nothing_declared_is_lost(
    declared: list[str], parts: list[list[str] | None], traces: list[str]
) -> None:
    inside = contained(parts)
    conflicts = in_conflict(declared, inside, traces)
    ruled_out = set(declared) - set(conflicts)
    assert set(conflicts) <= set(declared)
    assert len(conflicts) == len(set(conflicts))
    assert None not in parts or not ruled_out
    for part in [*parts, traces]:
        assert part is None or not ruled_out & set(part)
    for allergen in conflicts:
        assert inside is None or allergen in [*inside, *traces]
