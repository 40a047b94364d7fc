"""From a cart to priced order lines, with everything that a hotel checks before it takes an order. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, time
from uuid import UUID
from zoneinfo import ZoneInfo

from msgspec import Struct, structs

from hub.errors import AgeNotAttested, InvalidInput, ItemUnavailable, NotFound, OutOfStock
from hub.orders.hours import business_date, is_open
from hub.orders.messages import CartLine, Quote, QuoteLine
from hub.orders.pricing import Line, Rounding, TaxRate, rate_on, totals

MOST_YEN = 2**31 - 1  # what an amount column holds


class Hotel(Struct, frozen=True):
    """How a hotel prices and counts its days. `rates` are those of room service."""

    time_zone: str
    prices_include_tax: bool
    tax_rounding: Rounding
    business_day_cutover: time
    rates: tuple[TaxRate, ...]

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.time_zone)

    def business_date(self, now: datetime) -> date:
        return business_date(now, self.zone, self.business_day_cutover)


class MenuItem(Struct, frozen=True):
    """A menu item as an order needs it. `stock_quantity` None is unlimited, `allergens` None unknown."""

    id: UUID
    name_ja: str
    name_en: str
    description_ja: str | None
    description_en: str | None
    price: int
    is_available: bool
    start_time: time | None
    end_time: time | None
    age_restricted: bool
    stock_quantity: int | None
    allergens: list[str] | None
    tax_class: str
    preparation_minutes: int
    station: str


class NewItem(Struct, frozen=True):
    """An order line with its snapshots, as it is stored."""

    line: int
    menu_item_id: UUID
    name_ja: str
    name_en: str
    description_ja: str | None
    description_en: str | None
    allergens: list[str] | None
    tax_class: str
    tax_rate_bp: int
    unit_price: int
    quantity: int
    note: str | None
    station: str
    preparation_minutes: int
    age_restricted: bool


class PricedCart(Struct, frozen=True):
    """Lines in the guest's order, numbered from 1; `wanted` sums the quantities of each menu item."""

    items: tuple[NewItem, ...]
    wanted: dict[UUID, int]
    quote: Quote


def price_cart(
    hotel: Hotel, menu: Mapping[UUID, MenuItem], cart: Sequence[CartLine], now: datetime
) -> PricedCart:
    """Price a cart at `now`.

    Raises `NotFound` for an item that is not on the menu, `ItemUnavailable` with a list of what is sold out
    or closed and when it opens, `InvalidInput` for an amount beyond measure.
    """
    for index, line in enumerate(cart):
        if line.menu_item_id not in menu:
            raise NotFound("this is not on the menu", field=f"lines[{index}].menu_item_id")
    _check_available(hotel, menu, cart, now)
    day = hotel.business_date(now)
    items = tuple(
        _new_item(number, line, menu[line.menu_item_id], hotel, day) for number, line in enumerate(cart, 1)
    )
    wanted: dict[UUID, int] = {}
    for item in items:
        wanted[item.menu_item_id] = wanted.get(item.menu_item_id, 0) + item.quantity
    money = totals(
        (Line(item.unit_price, item.quantity, item.tax_rate_bp) for item in items),
        prices_include_tax=hotel.prices_include_tax,
        rounding=hotel.tax_rounding,
    )
    if money.total_amount > MOST_YEN:
        raise InvalidInput(f"an order of more than {MOST_YEN} yen is not taken", field="lines")
    lines = tuple(
        QuoteLine(
            menu_item_id=item.menu_item_id,
            name_ja=item.name_ja,
            name_en=item.name_en,
            quantity=item.quantity,
            unit_price=item.unit_price,
            total_price=item.unit_price * item.quantity,
            tax_rate_bp=item.tax_rate_bp,
        )
        for item in items
    )
    return PricedCart(items=items, wanted=wanted, quote=Quote(lines=lines, **structs.asdict(money)))


def check_age(cart: PricedCart, *, attested: bool) -> None:
    """Raises `AgeNotAttested`, naming the items, unless the guest has confirmed to be of age."""
    restricted = [item.menu_item_id for item in cart.items if item.age_restricted]
    if restricted and not attested:
        raise AgeNotAttested(
            "the guest must confirm to be of age for this order",
            field="age_attested",
            menu_item_ids=restricted,
        )


def check_stock(cart: PricedCart, stock: Mapping[UUID, int]) -> dict[UUID, int]:
    """What to take of each counted item. Raises `OutOfStock` with what is left where that is not enough."""
    taken = {item: quantity for item, quantity in cart.wanted.items() if item in stock}
    short = [
        {"menu_item_id": item, "left": stock[item]}
        for item, quantity in taken.items()
        if stock[item] < quantity
    ]
    if short:
        raise OutOfStock("there is not enough left of some items", left=short)
    return taken


def _check_available(
    hotel: Hotel, menu: Mapping[UUID, MenuItem], cart: Sequence[CartLine], now: datetime
) -> None:
    refused: list[dict[str, object]] = []
    for index, line in enumerate(cart):
        item = menu[line.menu_item_id]
        where = {"field": f"lines[{index}].menu_item_id", "menu_item_id": item.id}
        if not item.is_available:
            refused.append({**where, "reason": "sold_out"})
        elif not is_open(item.start_time, item.end_time, now, hotel.zone):
            refused.append(
                {
                    **where,
                    "reason": "closed",
                    "start_time": _clock(item.start_time),
                    "end_time": _clock(item.end_time),
                }
            )
    if refused:
        raise ItemUnavailable(
            "some items are not available now", field=f"{refused[0]['field']}", unavailable=refused
        )


def _clock(moment: time | None) -> str | None:
    return None if moment is None else f"{moment:%H:%M}"


def _new_item(number: int, line: CartLine, item: MenuItem, hotel: Hotel, day: date) -> NewItem:
    return NewItem(
        line=number,
        menu_item_id=item.id,
        name_ja=item.name_ja,
        name_en=item.name_en,
        description_ja=item.description_ja,
        description_en=item.description_en,
        allergens=item.allergens,
        tax_class=item.tax_class,
        tax_rate_bp=rate_on(hotel.rates, item.tax_class, day),
        unit_price=item.price,
        quantity=line.quantity,
        note=line.note or None,
        station=item.station,
        preparation_minutes=item.preparation_minutes,
        age_restricted=item.age_restricted,
    )
