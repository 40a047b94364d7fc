"""The tax rates of a hotel, as its manager sets them. One holds from the start of its business date until the
next one of its class and fulfilment does. What has begun to hold stays, so that the past stays true."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date, timedelta
from typing import TYPE_CHECKING, Annotated, Final, Literal, TypeAlias
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Meta, Struct

from hub.db.ids import uuid7
from hub.db.queries import load
from hub.errors import Conflict, Internal, InvalidInput, NotFound
from hub.menu.hours import business_date

if TYPE_CHECKING:
    from hub.db.scope import Scope

_queries = load("rates")
CALENDAR: Final = _queries["calendar"]
LOCK_CALENDAR: Final = _queries["lock_calendar"]
RATES: Final = _queries["rates"]
INSERT_RATE: Final = _queries["insert_rate"]
DELETE_RATE: Final = _queries["delete_rate"]

# Every order reads all of them.
MOST_RATES: Final = 200
SERVICE: Final = "service"  # the class of the service charge
_CLASS: Final = re.compile(r"[a-z][a-z0-9_]{0,39}")

Fulfilment: TypeAlias = Literal["room_service", "fridge", "takeaway"]
TaxClass: TypeAlias = Annotated[str, Meta(pattern="^[a-z][a-z0-9_]{0,39}$")]
BasisPoints: TypeAlias = Annotated[int, Meta(ge=0, le=10_000)]


class NewTaxRate(Struct, frozen=True, forbid_unknown_fields=True):
    """`tax_class` as dishes name it, or `service`; `rate_bp` in basis points: 1000 is 10 %."""

    tax_class: TaxClass
    fulfilment: Fulfilment
    rate_bp: BasisPoints
    valid_from: date


class TaxRate(NewTaxRate, frozen=True):
    """The same, as it stands."""

    id: UUID


class TaxRates(Struct, frozen=True):
    """By class and fulfilment, oldest first. `business_date` is that of now: what begins later has not begun
    to hold."""

    business_date: date
    rates: list[TaxRate]


class TaxRateReply(Struct, frozen=True):
    rate: TaxRate


async def read(scope: Scope) -> TaxRates:
    return TaxRates(await _today(scope), await _every(scope))


async def add(scope: Scope, new: NewTaxRate) -> TaxRate:
    """Raises InvalidInput for one that would change the past, Conflict for a day that has one of its kind,
    for what could not be ordered with a meal, or when the hotel has enough."""
    if _CLASS.fullmatch(new.tax_class) is None:  # a pattern lets a line feed at the end pass
        raise InvalidInput("A tax class has no line feed.", field="tax_class")
    today = await _today(scope, lock=True)
    rates = await _every(scope)
    kin = [one for one in rates if (one.tax_class, one.fulfilment) == (new.tax_class, new.fulfilment)]
    if new.valid_from <= today and holds(kin, new.tax_class, new.fulfilment, today):
        raise InvalidInput(
            f"A rate holds for this already: the next one begins on {today + timedelta(1)} at the earliest.",
            field="valid_from",
        )
    if any(one.valid_from == new.valid_from for one in kin):
        raise Conflict("Another rate begins on that day; remove it first.", field="valid_from")
    if new.fulfilment == "fridge" and not holds(rates, new.tax_class, "room_service", new.valid_from):
        raise Conflict(
            "What lies in the fridge is served when it is ordered with a meal:"
            f" first set the rate of {new.tax_class} as room service, from that day or before.",
            field="tax_class",
        )
    if len(rates) >= MOST_RATES:
        raise Conflict(f"A hotel has at most {MOST_RATES} tax rates.")
    rate_id = uuid7()
    values = (new.tax_class, new.fulfilment, new.rate_bp, new.valid_from)
    await scope.execute(INSERT_RATE, scope.tenant_id, rate_id, *values)
    return TaxRate(*values, rate_id)


async def remove(scope: Scope, rate_id: UUID) -> TaxRate:
    """Raises NotFound, and Conflict for one that has begun to hold, or that one of the fridge needs."""
    today = await _today(scope, lock=True)
    rates = await _every(scope)
    rate = next((one for one in rates if one.id == rate_id), None)
    if rate is None:
        raise NotFound("There is no such tax rate.", field="tax_rate_id")
    if rate.valid_from <= today:
        raise Conflict("This rate has begun to hold, and stays; add the one that comes after it.")
    left = [one for one in rates if one.id != rate_id]
    if rate.fulfilment == "room_service" and any(
        not holds(left, one.tax_class, "room_service", one.valid_from)
        for one in rates
        if (one.tax_class, one.fulfilment) == (rate.tax_class, "fridge") and one.valid_from >= rate.valid_from
    ):
        raise Conflict("The rate of the same class from the fridge needs this one; remove that one first.")
    await scope.execute(DELETE_RATE, scope.tenant_id, rate_id)
    return rate


def holds(rates: Iterable[TaxRate], tax_class: str, fulfilment: Fulfilment, on: date) -> bool:
    """Whether one of the rates is for this, and holds on that business date."""
    wanted = (tax_class, fulfilment)
    return any((one.tax_class, one.fulfilment) == wanted and one.valid_from <= on for one in rates)


async def can_charge_service(scope: Scope) -> bool:
    """Whether a service charge can be taxed today."""
    return holds(await _every(scope), SERVICE, "room_service", await _today(scope))


async def _today(scope: Scope, *, lock: bool = False) -> date:
    """The business date; with `lock`, nobody else sets the hotel's rates before this transaction ends."""
    row = await scope.fetchrow(LOCK_CALENDAR if lock else CALENDAR, scope.tenant_id)
    if row is None:
        raise Internal("the transaction's tenant does not exist")
    return business_date(scope.now, ZoneInfo(row["time_zone"]), row["business_day_cutover"])


async def _every(scope: Scope) -> list[TaxRate]:
    rows = await scope.fetch(RATES, scope.tenant_id)
    return [msgspec.convert(dict(row), TaxRate) for row in rows]
