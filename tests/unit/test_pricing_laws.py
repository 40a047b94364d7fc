"""Money: the laws that hold for every order, however it is priced."""

from __future__ import annotations

from fractions import Fraction
from typing import Final

from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct
from msgspec.structs import replace

from hub.orders.pricing import Line, Rounding, Totals, totals

ONE: Final = 10_000
RATES: Final = (0, 500, 725, 800, 1000, 1250, 10_000)


class Terms(Struct, frozen=True):
    """What an order is priced with, and keeps."""

    prices_include_tax: bool
    rounding: Rounding
    service_charge_bp: int
    service_tax_rate_bp: int

    def price(self, lines: list[Line]) -> Totals:
        return totals(
            lines,
            prices_include_tax=self.prices_include_tax,
            rounding=self.rounding,
            service_charge_bp=self.service_charge_bp,
            service_tax_rate_bp=self.service_tax_rate_bp,
        )


# Small prices lie close to the edges of rounding, large ones show what is not exact.
PRICES = st.integers(0, 250) | st.integers(0, 10_000_000)
ROUNDING: st.SearchStrategy[Rounding] = st.sampled_from(["floor", "round", "ceil"])
LINE = st.builds(Line, unit_price=PRICES, quantity=st.integers(1, 99), tax_rate_bp=st.sampled_from(RATES))
LINES = st.lists(LINE, max_size=12)
TERMS = st.builds(
    Terms,
    prices_include_tax=st.booleans(),
    rounding=ROUNDING,
    service_charge_bp=st.sampled_from([0, 1, 1000, 1300, 1500, 3000]) | st.integers(0, 10_000),
    service_tax_rate_bp=st.sampled_from(RATES),
)


def exact(lines: list[Line], service: int, terms: Terms) -> dict[int, Fraction]:
    """The tax of each rate before it is rounded, told apart line by line as a book-keeper would."""
    priced = [(line.tax_rate_bp, line.unit_price * line.quantity) for line in lines]
    if service:
        priced.append((terms.service_tax_rate_bp, service))
    taxes: dict[int, Fraction] = {}
    for rate, amount in priced:
        whole = ONE + rate if terms.prices_include_tax else ONE
        taxes[rate] = taxes.get(rate, Fraction(0)) + Fraction(amount * rate, whole)
    return taxes


def is_rounded(amount: int, wanted: Fraction, rounding: Rounding) -> bool:
    off = amount - wanted
    return {
        "floor": -1 < off <= 0,
        "round": Fraction(-1, 2) < off <= Fraction(1, 2),
        "ceil": 0 <= off < 1,
    }[rounding]


@given(lines=LINES, terms=TERMS)
def test_the_parts_add_up(lines: list[Line], terms: Terms) -> None:
    order = terms.price(lines)
    assert order.subtotal_amount == sum(line.unit_price * line.quantity for line in lines)
    assert order.subtotal_amount + order.service_amount == sum(part.base_amount for part in order.taxes)
    assert order.tax_amount == sum(part.tax_amount for part in order.taxes)
    extra = 0 if terms.prices_include_tax else order.tax_amount
    assert order.total_amount == order.subtotal_amount + order.service_amount + extra
    assert [part.rate_bp for part in order.taxes] == sorted({part.rate_bp for part in order.taxes})


@given(lines=LINES, terms=TERMS)
def test_each_tax_is_the_exact_one_of_the_order_rounded_once(lines: list[Line], terms: Terms) -> None:
    order = terms.price(lines)
    wanted = exact(lines, order.service_amount, terms)
    assert [part.rate_bp for part in order.taxes] == sorted(wanted)
    for part in order.taxes:
        assert is_rounded(part.tax_amount, wanted[part.rate_bp], terms.rounding)
    assert abs(order.tax_amount - sum(wanted.values(), Fraction(0))) < max(1, len(wanted))


@given(lines=LINES, terms=TERMS)
def test_the_service_charge_is_the_exact_one_rounded_once(lines: list[Line], terms: Terms) -> None:
    order = terms.price(lines)
    wanted = Fraction(order.subtotal_amount * terms.service_charge_bp, ONE)
    assert is_rounded(order.service_amount, wanted, terms.rounding)


@given(orders=LINES.flatmap(lambda lines: st.tuples(st.just(lines), st.permutations(lines))), terms=TERMS)
def test_the_order_of_the_lines_does_not_matter(orders: tuple[list[Line], list[Line]], terms: Terms) -> None:
    lines, shuffled = orders
    assert terms.price(shuffled) == terms.price(lines)


@given(lines=LINES, split=st.builds(replace, LINE, quantity=st.integers(2, 99)), data=st.data(), terms=TERMS)
def test_a_line_split_in_two_changes_nothing(
    lines: list[Line], split: Line, data: st.DataObject, terms: Terms
) -> None:
    some = data.draw(st.integers(1, split.quantity - 1))
    parts = [replace(split, quantity=some), replace(split, quantity=split.quantity - some)]
    assert terms.price([*parts, *lines]) == terms.price([*lines, split])


@given(lines=LINES, more=LINES, terms=TERMS)
def test_more_never_costs_less(lines: list[Line], more: list[Line], terms: Terms) -> None:
    few, many = terms.price(lines), terms.price(lines + more)
    assert many.service_amount >= few.service_amount
    assert many.tax_amount >= few.tax_amount
    assert many.total_amount >= few.total_amount


@given(lines=LINES, line=LINE, extra=PRICES, terms=TERMS)
def test_a_higher_price_never_costs_less(lines: list[Line], line: Line, extra: int, terms: Terms) -> None:
    dearer = replace(line, unit_price=line.unit_price + extra)
    low, high = terms.price([*lines, line]), terms.price([*lines, dearer])
    assert high.service_amount >= low.service_amount
    assert high.tax_amount >= low.tax_amount
    assert high.total_amount >= low.total_amount + extra * line.quantity


@given(lines=st.lists(st.tuples(LINE, st.booleans()), max_size=12), terms=TERMS)
def test_cancelling_lines_is_pricing_the_rest(lines: list[tuple[Line, bool]], terms: Terms) -> None:
    """From what an order keeps of itself: prices and rates of its lines, and its totals."""
    order = terms.price([line for line, _ in lines])
    left = [line for line, cancelled in lines if not cancelled]
    kept = Terms(order.prices_include_tax, terms.rounding, order.service_charge_bp, order.service_tax_rate_bp)
    after = kept.price(left)
    assert after == terms.price(left)
    assert after.total_amount <= order.total_amount


@given(lines=LINES, terms=TERMS)
def test_floor_is_at_most_round_is_at_most_ceil(lines: list[Line], terms: Terms) -> None:
    low, middle, high = (replace(terms, rounding=mode).price(lines) for mode in ("floor", "round", "ceil"))
    assert low.service_amount <= middle.service_amount <= high.service_amount <= low.service_amount + 1
    assert low.tax_amount <= middle.tax_amount <= high.tax_amount
    assert low.total_amount <= middle.total_amount <= high.total_amount


@given(lines=LINES, rate=st.sampled_from(RATES), terms=TERMS)
def test_prices_with_tax_and_without_are_the_same_bill(lines: list[Line], rate: int, terms: Terms) -> None:
    """Where there is one rate and nothing to round; else a guest would pay for how the menu is printed."""
    terms = replace(terms, service_tax_rate_bp=rate)
    net = [Line(line.unit_price * ONE**2, line.quantity, rate) for line in lines]
    gross = [Line(line.unit_price * ONE * (ONE + rate), line.quantity, rate) for line in lines]
    without = replace(terms, prices_include_tax=False).price(net)
    within = replace(terms, prices_include_tax=True).price(gross)
    assert within.total_amount == without.total_amount
    assert within.tax_amount == without.tax_amount
