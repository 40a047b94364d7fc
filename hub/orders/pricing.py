"""Prices in integer yen. Pure: no clock, no database. Rates are in basis points (1000 = 10 %).

All amounts but `tax_amount` are priced as the menu is: with tax in them where `prices_include_tax`, without
where not. Three things are rounded, each once for the whole order and by the hotel's mode, never per line:

    service charge   subtotal x charge
    tax of a rate    exclusive: base x rate            base = everything of that rate,
                     inclusive: base x rate / (1 + rate)      the service charge with its own rate among it

105 yen x 3 at 10 % is therefore 31 yen of tax, not 30.

An order is one supply, and where it comes from decides its rates and its service charge together. It is from
the fridge when every line is: the guest helps himself, to goods at the rates of goods, and nobody is paid for
serving. As soon as one line is brought by somebody it is room service as a whole: what is served with a meal
is taxed as the meal, and bears the charge as the meal does, so that the charge is the same part of the
subtotal on every bill. `tests/money_vectors.json` has worked examples for implementers of other languages.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Final, Literal, TypeAlias, assert_never

from msgspec import Struct

from hub.menu.documents import Fulfilment

Rounding: TypeAlias = Literal["floor", "round", "ceil"]

ONE: Final = 10_000  # 100 % in basis points
SERVICE: Final = "service"  # the tax class of the service charge


class TaxRate(Struct, frozen=True):
    """One row of the rate table: valid from the start of that business date. No order is takeaway yet."""

    tax_class: str
    fulfilment: Fulfilment | Literal["takeaway"]
    rate_bp: int
    valid_from: date


class Line(Struct, frozen=True):
    """What pricing needs of an order line. `unit_price` is that of one with its options."""

    unit_price: int
    quantity: int
    tax_rate_bp: int

    @property
    def total_price(self) -> int:
        return self.unit_price * self.quantity


class RateTotal(Struct, frozen=True):
    """What is taxed at one rate: `base_amount` sums the lines and the service charge, as priced."""

    rate_bp: int
    base_amount: int
    tax_amount: int


class Totals(Struct, frozen=True):
    """An order's money. `subtotal_amount` is the sum of the lines; `total_amount` is what the guest pays."""

    taxes: tuple[RateTotal, ...]
    subtotal_amount: int
    service_amount: int
    service_charge_bp: int
    service_tax_rate_bp: int
    tax_amount: int
    total_amount: int
    prices_include_tax: bool


def fulfilment_of(lines: Iterable[Fulfilment]) -> Fulfilment:
    """Where an order comes from, given where each of its lines does; why, see above."""
    return "fridge" if all(line == "fridge" for line in lines) else "room_service"


def find_rate(rates: Iterable[TaxRate], tax_class: str, fulfilment: Fulfilment, on: date) -> int | None:
    """The rate in basis points with the latest `valid_from` that is not after the business date `on`; None
    where the hotel has set none."""
    valid = [
        rate
        for rate in rates
        if rate.tax_class == tax_class and rate.fulfilment == fulfilment and rate.valid_from <= on
    ]
    return max(valid, key=lambda rate: rate.valid_from).rate_bp if valid else None


def totals(
    lines: Iterable[Line],
    *,
    prices_include_tax: bool,
    rounding: Rounding,
    service_charge_bp: int,
    service_tax_rate_bp: int,
) -> Totals:
    """Totals of the given lines, taxes in order of their rate. No lines cost nothing.

    When lines of an order are cancelled, the same with those that are left gives its new amounts: their
    stored prices and rates, and the order's stored charge with its rate. These stay what the guest has agreed
    to, also when a drink from the fridge is all that is left of a meal.
    """
    bases: dict[int, int] = {}
    for line in lines:
        bases[line.tax_rate_bp] = bases.get(line.tax_rate_bp, 0) + line.total_price
    subtotal = sum(bases.values())
    service = _divide(subtotal * service_charge_bp, ONE, rounding)
    if service:
        bases[service_tax_rate_bp] = bases.get(service_tax_rate_bp, 0) + service
    taxes = tuple(
        RateTotal(
            rate_bp=rate_bp,
            base_amount=base,
            tax_amount=_divide(base * rate_bp, ONE + rate_bp if prices_include_tax else ONE, rounding),
        )
        for rate_bp, base in sorted(bases.items())
    )
    tax = sum(part.tax_amount for part in taxes)
    return Totals(
        taxes=taxes,
        subtotal_amount=subtotal,
        service_amount=service,
        service_charge_bp=service_charge_bp,
        service_tax_rate_bp=service_tax_rate_bp,
        tax_amount=tax,
        total_amount=subtotal + service + (0 if prices_include_tax else tax),
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
