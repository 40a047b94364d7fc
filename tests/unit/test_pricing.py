"""Money: hand-computed cases, and the laws that hold for every order."""

from __future__ import annotations

from datetime import date
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.errors import Internal
from hub.orders.pricing import Line, RateTotal, Rounding, TaxRate, Totals, rate_on, totals

LINES = st.lists(
    st.builds(
        Line,
        unit_price=st.integers(0, 10_000_000),
        quantity=st.integers(1, 99),
        tax_rate_bp=st.sampled_from([0, 800, 1000, 1250]),
    ),
    max_size=12,
)
SHUFFLED = LINES.flatmap(lambda lines: st.tuples(st.just(lines), st.permutations(lines)))
ROUNDING: st.SearchStrategy[Rounding] = st.sampled_from(["floor", "round", "ceil"])


def price(*lines: tuple[int, int, int], inclusive: bool = False, rounding: Rounding = "floor") -> Totals:
    return totals(
        [Line(unit_price=unit, quantity=quantity, tax_rate_bp=rate) for unit, quantity, rate in lines],
        prices_include_tax=inclusive,
        rounding=rounding,
    )


def test_tax_is_rounded_once_per_rate_and_never_per_line() -> None:
    three_lines = price((105, 1, 1000), (105, 1, 1000), (105, 1, 1000))
    assert three_lines.tax_amount == 31
    assert three_lines.total_amount == 346
    assert price((105, 3, 1000)) == three_lines


@pytest.mark.parametrize(
    ("unit_price", "inclusive", "rounding", "tax"),
    [
        (105, False, "floor", 10),  # 10.5
        (105, False, "round", 11),
        (105, False, "ceil", 11),
        (104, False, "round", 10),  # 10.4
        (104, False, "ceil", 11),
        (100, False, "ceil", 10),  # 10.0 stays what it is
        (1100, True, "floor", 100),
        (1100, True, "ceil", 100),
        (1000, True, "floor", 90),  # 90.909...
        (1000, True, "round", 91),
        (1000, True, "ceil", 91),
        (995, True, "round", 90),  # 90.4545...
        (1, True, "floor", 0),
        (0, False, "ceil", 0),
    ],
)
def test_rounding_by_hand(unit_price: int, inclusive: bool, rounding: Rounding, tax: int) -> None:
    result = price((unit_price, 1, 1000), inclusive=inclusive, rounding=rounding)
    assert result.tax_amount == tax
    assert result.total_amount == (unit_price if inclusive else unit_price + tax)


def test_each_rate_is_taxed_apart_and_listed_in_order() -> None:
    result = price((350, 2, 1000), (128, 3, 800), (55, 1, 1000))
    assert result.taxes == (
        RateTotal(rate_bp=800, base_amount=384, tax_amount=30),  # 30.72
        RateTotal(rate_bp=1000, base_amount=755, tax_amount=75),  # 75.5
    )
    assert (result.subtotal_amount, result.tax_amount, result.total_amount) == (1139, 105, 1244)


def test_nothing_costs_nothing() -> None:
    assert price() == price(inclusive=False)
    assert price(inclusive=True).total_amount == 0


@given(lines=LINES, inclusive=st.booleans(), rounding=ROUNDING)
def test_the_parts_add_up(lines: list[Line], inclusive: bool, rounding: Rounding) -> None:
    result = totals(lines, prices_include_tax=inclusive, rounding=rounding)
    assert result.subtotal_amount == sum(line.unit_price * line.quantity for line in lines)
    assert result.subtotal_amount == sum(part.base_amount for part in result.taxes)
    assert result.tax_amount == sum(part.tax_amount for part in result.taxes)
    extra = 0 if inclusive else result.tax_amount
    assert result.total_amount == result.subtotal_amount + result.service_amount + extra


@given(lines=LINES, inclusive=st.booleans(), rounding=ROUNDING)
def test_each_tax_is_the_exact_one_rounded_once(
    lines: list[Line], inclusive: bool, rounding: Rounding
) -> None:
    for part in totals(lines, prices_include_tax=inclusive, rounding=rounding).taxes:
        exact = Fraction(part.base_amount * part.rate_bp, 10_000 + (part.rate_bp if inclusive else 0))
        off = part.tax_amount - exact
        match rounding:
            case "floor":
                assert -1 < off <= 0
            case "ceil":
                assert 0 <= off < 1
            case "round":
                assert Fraction(-1, 2) < off <= Fraction(1, 2)


@given(shuffled=SHUFFLED, inclusive=st.booleans())
def test_the_order_of_the_lines_does_not_matter(
    shuffled: tuple[list[Line], list[Line]], inclusive: bool
) -> None:
    one, other = (totals(some, prices_include_tax=inclusive, rounding="floor") for some in shuffled)
    assert one == other


@given(lines=LINES, inclusive=st.booleans(), rounding=ROUNDING)
def test_a_line_split_in_two_changes_nothing(lines: list[Line], inclusive: bool, rounding: Rounding) -> None:
    split = [Line(line.unit_price, 1, line.tax_rate_bp) for line in lines for _ in range(line.quantity)]
    expected = totals(lines, prices_include_tax=inclusive, rounding=rounding)
    assert totals(split, prices_include_tax=inclusive, rounding=rounding) == expected


@given(lines=LINES, more=LINES, inclusive=st.booleans(), rounding=ROUNDING)
def test_more_never_costs_less(
    lines: list[Line], more: list[Line], inclusive: bool, rounding: Rounding
) -> None:
    few = totals(lines, prices_include_tax=inclusive, rounding=rounding)
    many = totals(lines + more, prices_include_tax=inclusive, rounding=rounding)
    assert many.tax_amount >= few.tax_amount
    assert many.total_amount >= few.total_amount


RATES = [
    TaxRate("food", 800, date(2014, 4, 1)),
    TaxRate("food", 1000, date(2026, 10, 1)),
    TaxRate("food", 0, date(2027, 4, 1)),
    TaxRate("alcohol", 1000, date(2019, 10, 1)),
]


@pytest.mark.parametrize(
    ("tax_class", "on", "rate"),
    [
        ("food", date(2026, 9, 30), 800),
        ("food", date(2026, 10, 1), 1000),
        ("food", date(2027, 3, 31), 1000),
        ("food", date(2028, 1, 1), 0),
        ("alcohol", date(2028, 1, 1), 1000),
    ],
)
def test_the_latest_rate_that_has_begun_is_taken(tax_class: str, on: date, rate: int) -> None:
    assert rate_on(RATES, tax_class, on) == rate
    assert rate_on(list(reversed(RATES)), tax_class, on) == rate


@pytest.mark.parametrize(("tax_class", "on"), [("toys", date(2026, 1, 1)), ("alcohol", date(2019, 9, 30))])
def test_a_class_without_a_rate_is_the_servers_fault(tax_class: str, on: date) -> None:
    with pytest.raises(Internal, match=f"no tax rate for class '{tax_class}' on {on}"):
        rate_on(RATES, tax_class, on)
