"""Prices in integer yen. Pure: no clock, no database.

Tax is rounded once per rate and order, never per line: 105 yen x 3 at 10 % is 31 yen of tax, not 30.
Rates are in basis points (1000 = 10 %).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Literal, TypeAlias, assert_never

from msgspec import Struct

from hub.errors import Internal

Rounding: TypeAlias = Literal["floor", "round", "ceil"]

ONE = 10_000  # 100 % in basis points


class TaxRate(Struct, frozen=True):
    """One row of the rate table of one fulfilment: valid from the start of that business date."""

    tax_class: str
    rate_bp: int
    valid_from: date


class Line(Struct, frozen=True):
    """What pricing needs of an order line; `unit_price` is with tax when the hotel's prices are."""

    unit_price: int
    quantity: int
    tax_rate_bp: int

    @property
    def total_price(self) -> int:
        return self.unit_price * self.quantity


class RateTotal(Struct, frozen=True):
    """The lines of one rate: `base_amount` sums their prices as priced (with tax when prices are)."""

    rate_bp: int
    base_amount: int
    tax_amount: int


class Totals(Struct, frozen=True):
    """An order's money. `subtotal_amount` is the sum of the lines; `total_amount` is what the guest pays."""

    taxes: tuple[RateTotal, ...]
    subtotal_amount: int
    tax_amount: int
    service_amount: int
    total_amount: int
    prices_include_tax: bool


def rate_on(rates: Iterable[TaxRate], tax_class: str, on: date) -> int:
    """The rate in basis points with the latest `valid_from` that is not after the business date `on`.

    A class without a rate is a fault of the hotel's set-up that no guest can mend: it raises `Internal`.
    """
    valid = [rate for rate in rates if rate.tax_class == tax_class and rate.valid_from <= on]
    if not valid:
        raise Internal(f"no tax rate for class {tax_class!r} on {on.isoformat()}")
    return max(valid, key=lambda rate: rate.valid_from).rate_bp


def totals(lines: Iterable[Line], *, prices_include_tax: bool, rounding: Rounding) -> Totals:
    """Totals of the given lines, taxes in order of their rate. No lines cost nothing."""
    bases: dict[int, int] = {}
    for line in lines:
        bases[line.tax_rate_bp] = bases.get(line.tax_rate_bp, 0) + line.total_price
    taxes = tuple(
        RateTotal(
            rate_bp=rate_bp,
            base_amount=base,
            tax_amount=_divide(base * rate_bp, ONE + rate_bp if prices_include_tax else ONE, rounding),
        )
        for rate_bp, base in sorted(bases.items())
    )
    subtotal = sum(bases.values())
    tax = sum(part.tax_amount for part in taxes)
    return Totals(
        taxes=taxes,
        subtotal_amount=subtotal,
        tax_amount=tax,
        service_amount=0,
        total_amount=subtotal if prices_include_tax else subtotal + tax,
        prices_include_tax=prices_include_tax,
    )


def _divide(numerator: int, denominator: int, rounding: Rounding) -> int:
    """Exact integer division of numbers that are not negative; `round` takes a half upwards."""
    match rounding:
        case "floor":
            return numerator // denominator
        case "round":
            return (2 * numerator + denominator) // (2 * denominator)
        case "ceil":
            return -(-numerator // denominator)
        case _:
            assert_never(rounding)
