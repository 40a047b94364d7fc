"""Money by hand: the cases that `tests/money_vectors.json` cannot tell, and the table of rates."""

from __future__ import annotations

from datetime import date

import pytest

from hub.menu.documents import Fulfilment
from hub.orders.pricing import Line, RateTotal, TaxRate, Totals, find_rate, fulfilment_of, totals

RATES = [
    TaxRate("food", "room_service", 800, date(2014, 4, 1)),
    TaxRate("food", "room_service", 1000, date(2026, 10, 1)),
    TaxRate("food", "room_service", 0, date(2027, 4, 1)),
    TaxRate("food", "fridge", 500, date(2026, 12, 1)),
    TaxRate("food", "takeaway", 100, date(2027, 1, 1)),
    TaxRate("alcohol", "room_service", 1000, date(2019, 10, 1)),
]


def test_an_orders_money() -> None:
    lines = [Line(350, 2, 1000), Line(128, 3, 800), Line(55, 1, 1000)]
    assert totals(
        lines, prices_include_tax=False, rounding="floor", service_charge_bp=1000, service_tax_rate_bp=1000
    ) == Totals(
        taxes=(
            RateTotal(rate_bp=800, base_amount=384, tax_amount=30),  # 30.72
            RateTotal(rate_bp=1000, base_amount=868, tax_amount=86),  # 755 and the service charge: 86.8
        ),
        subtotal_amount=1139,
        service_amount=113,  # 113.9
        service_charge_bp=1000,
        service_tax_rate_bp=1000,
        tax_amount=116,
        total_amount=1368,
        prices_include_tax=False,
    )


@pytest.mark.parametrize("inclusive", [True, False])
def test_no_lines_cost_nothing(inclusive: bool) -> None:
    nothing = totals(
        [], prices_include_tax=inclusive, rounding="ceil", service_charge_bp=1500, service_tax_rate_bp=1000
    )
    assert nothing.taxes == ()
    assert (nothing.subtotal_amount, nothing.service_amount, nothing.total_amount) == (0, 0, 0)


@pytest.mark.parametrize(
    ("lines", "order"),
    [
        (["fridge"], "fridge"),
        (["fridge", "fridge"], "fridge"),
        (["room_service"], "room_service"),
        (["fridge", "room_service"], "room_service"),
        (["room_service", "fridge", "fridge"], "room_service"),
    ],
)
def test_an_order_is_from_the_fridge_when_all_of_it_is(lines: list[Fulfilment], order: Fulfilment) -> None:
    assert fulfilment_of(lines) == order


@pytest.mark.parametrize(
    ("tax_class", "fulfilment", "on", "rate"),
    [
        ("food", "room_service", date(2014, 4, 1), 800),
        ("food", "room_service", date(2026, 9, 30), 800),
        ("food", "room_service", date(2026, 10, 1), 1000),
        ("food", "room_service", date(2027, 3, 31), 1000),
        ("food", "room_service", date(2028, 1, 1), 0),
        ("food", "fridge", date(2026, 12, 1), 500),
        ("food", "fridge", date(2028, 1, 1), 500),
        ("alcohol", "room_service", date(2028, 1, 1), 1000),
    ],
)
def test_the_latest_rate_that_has_begun_is_taken(
    tax_class: str, fulfilment: Fulfilment, on: date, rate: int
) -> None:
    assert find_rate(RATES, tax_class, fulfilment, on) == rate
    assert find_rate(list(reversed(RATES)), tax_class, fulfilment, on) == rate


@pytest.mark.parametrize(
    ("tax_class", "fulfilment", "on"),
    [
        ("toys", "room_service", date(2026, 1, 1)),
        ("alcohol", "room_service", date(2019, 9, 30)),
        ("alcohol", "fridge", date(2026, 1, 1)),
        ("food", "fridge", date(2026, 11, 30)),
    ],
)
def test_a_class_may_have_no_rate(tax_class: str, fulfilment: Fulfilment, on: date) -> None:
    assert find_rate(RATES, tax_class, fulfilment, on) is None
