"""The worked examples of `tests/money_vectors.json`, which describes its own fields, against the code."""

from __future__ import annotations

from datetime import date, datetime, time
from pathlib import Path
from typing import Final
from uuid import UUID

import msgspec
import pytest
from msgspec import Struct

from hub.menu.documents import Choice, Fulfilment, OptionGroup
from hub.orders.cart import Hotel, MenuItem, PricedCart, price_cart
from hub.orders.messages import CartLine
from hub.orders.pricing import Line, Rounding, TaxRate, totals

PATH: Final = Path(__file__).parents[1] / "money_vectors.json"


class VectorLine(Struct, forbid_unknown_fields=True):
    price: int
    quantity: int
    tax_class: str
    fulfilment: Fulfilment
    options: list[int]


class Expected(Struct, forbid_unknown_fields=True):
    fulfilment: Fulfilment
    lines: list[tuple[int, int, int]]
    subtotal: int
    service: tuple[int, int, int]
    taxes: list[tuple[int, int, int]]
    tax: int
    total: int


class Case(Struct, forbid_unknown_fields=True):
    name: str
    note: str
    prices_include_tax: bool
    rounding: Rounding
    service_charge_bp: int
    rates: str
    at: datetime
    due_at: datetime | None
    time_zone: str
    business_day_cutover: str
    lines: list[VectorLine]
    cancelled: list[int]
    expect: Expected


class Vectors(Struct, forbid_unknown_fields=True):
    about: list[str]
    defaults: dict[str, object]
    line_defaults: dict[str, object]
    rates: dict[str, list[tuple[str, Fulfilment, int, date]]]
    cases: list[dict[str, object]]


VECTORS: Final = msgspec.json.decode(PATH.read_bytes(), type=Vectors)


def whole(case: dict[str, object]) -> Case:
    lines = msgspec.convert(case["lines"], list[dict[str, object]])
    filled = [VECTORS.line_defaults | line for line in lines]
    return msgspec.convert(VECTORS.defaults | case | {"lines": filled}, Case)


CASES: Final = [whole(case) for case in VECTORS.cases]


def dish(number: int, line: VectorLine) -> MenuItem:
    choices = [Choice(f"c{index}", "選択", "Choice", price, []) for index, price in enumerate(line.options)]
    return MenuItem(
        id=UUID(int=number),
        name_ja="料理",
        name_en="Dish",
        description_ja=None,
        description_en=None,
        price=line.price,
        is_available=True,
        start_time=None,
        end_time=None,
        age_restricted=False,
        stock_quantity=None,
        allergens=[],
        tax_class=line.tax_class,
        preparation_minutes=0,
        station="kitchen",
        options=(OptionGroup("extras", "追加", "Extras", 0, len(choices), choices),) if choices else (),
        may_contain=(),
        fulfilment=line.fulfilment,
        days=None,
        last_order_minutes=0,
        sold_out_until=None,
    )


def priced(case: Case) -> PricedCart:
    hotel = Hotel(
        time_zone=case.time_zone,
        prices_include_tax=case.prices_include_tax,
        tax_rounding=case.rounding,
        business_day_cutover=time.fromisoformat(case.business_day_cutover),
        rates=tuple(
            TaxRate(tax_class, fulfilment, rate_bp, valid_from)
            for tax_class, fulfilment, rate_bp, valid_from in VECTORS.rates[case.rates]
        ),
        service_charge_bp=case.service_charge_bp,
    )
    menu = [dish(number, line) for number, line in enumerate(case.lines, 1)]
    cart = [
        CartLine(
            item.id, line.quantity, options=tuple(f"extras:c{index}" for index in range(len(line.options)))
        )
        for item, line in zip(menu, case.lines, strict=True)
    ]
    return price_cart(hotel, {item.id: item for item in menu}, cart, case.due_at or case.at, declared=())


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_the_case_comes_out_as_by_hand(case: Case) -> None:
    cart = priced(case)
    order = cart.price
    # What is left after a cancellation is worked out from what the order keeps, and so is the whole order.
    money = totals(
        [
            Line(item.unit_price, item.quantity, item.tax_rate_bp)
            for item in cart.items
            if item.line not in case.cancelled
        ],
        prices_include_tax=order.prices_include_tax,
        rounding=case.rounding,
        service_charge_bp=order.service_charge_bp,
        service_tax_rate_bp=order.service_tax_rate_bp,
    )
    if not case.cancelled:
        assert (order.taxes, order.service_amount, order.total_amount) == (
            money.taxes,
            money.service_amount,
            money.total_amount,
        )
    assert (
        Expected(
            fulfilment=cart.fulfilment,
            lines=[(line.unit_price, line.total_price, line.tax_rate_bp) for line in order.lines],
            subtotal=money.subtotal_amount,
            service=(money.service_charge_bp, money.service_tax_rate_bp, money.service_amount),
            taxes=[(part.rate_bp, part.base_amount, part.tax_amount) for part in money.taxes],
            tax=money.tax_amount,
            total=money.total_amount,
        )
        == case.expect
    )


def test_the_file_covers_what_it_is_for() -> None:
    names = [case.name for case in CASES]
    assert len(names) == len(set(names)) >= 60
    modes = {(case.prices_include_tax, case.rounding) for case in CASES}
    assert modes == {(inclusive, mode) for inclusive in (True, False) for mode in ("floor", "round", "ceil")}
    charged = {(case.prices_include_tax, case.rounding) for case in CASES if case.expect.service[2]}
    assert charged == modes
    mixed = {(case.prices_include_tax, case.rounding) for case in CASES if len(case.expect.taxes) > 1}
    assert mixed == modes
    fulfilments = {frozenset(line.fulfilment for line in case.lines) for case in CASES}
    assert fulfilments == {
        frozenset({"fridge"}),
        frozenset({"room_service"}),
        frozenset({"fridge", "room_service"}),
    }
    described = " ".join(VECTORS.about)
    for field in (*VECTORS.defaults, *VECTORS.line_defaults, *Expected.__struct_fields__):
        assert field in described, field


def test_each_note_comes_to_what_the_guest_pays() -> None:
    for case in CASES:
        assert f"{case.expect.total}" in case.note.replace(",", ""), case.name
