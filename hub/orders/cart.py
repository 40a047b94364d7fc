"""From a cart to priced order lines, with everything that a hotel checks before it takes an order. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, time
from uuid import UUID
from zoneinfo import ZoneInfo

from msgspec import Struct, structs

from hub.errors import (
    AgeNotAttested,
    AllergenConflict,
    Internal,
    InvalidInput,
    ItemUnavailable,
    NotFound,
    OutOfStock,
)
from hub.menu.documents import Fulfilment, OptionGroup
from hub.menu.hours import Hours, business_date, next_opening, refusal
from hub.orders.allergens import contained, in_conflict
from hub.orders.documents import OrderOption
from hub.orders.messages import CartLine, Priced, QuoteLine
from hub.orders.options import choose, snapshot, unit_price
from hub.orders.pricing import SERVICE, Line, Rounding, TaxRate, find_rate, fulfilment_of, totals

MOST_YEN = 2**31 - 1  # what an amount column holds


class Hotel(Struct, frozen=True):
    """How a hotel prices and counts its days. `rates` are all of its table."""

    time_zone: str
    prices_include_tax: bool
    tax_rounding: Rounding
    business_day_cutover: time
    rates: tuple[TaxRate, ...]
    service_charge_bp: int

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.time_zone)

    def business_date(self, now: datetime) -> date:
        return business_date(now, self.zone, self.business_day_cutover)


class MenuItem(Struct, frozen=True):
    """A menu item as an order needs it. `stock_quantity` None: unlimited; `allergens` None: not confirmed."""

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
    options: tuple[OptionGroup, ...]
    may_contain: tuple[str, ...]
    fulfilment: Fulfilment
    days: tuple[int, ...] | None
    last_order_minutes: int
    sold_out_until: datetime | None

    @property
    def hours(self) -> Hours | None:
        if self.start_time is None or self.end_time is None:
            return None
        return Hours(self.start_time, self.end_time, self.days, self.last_order_minutes)

    @property
    def minutes(self) -> int:
        """Of preparation, of one portion: nobody prepares what lies in the fridge."""
        return 0 if self.fulfilment == "fridge" else self.preparation_minutes

    def is_sold_out(self, at: datetime) -> bool:
        """One that comes back by itself is back at its time, whether or not anybody has turned the switch."""
        return not self.is_available and (self.sold_out_until is None or at < self.sold_out_until)


class NewItem(Struct, frozen=True):
    """An order line with its snapshots, as it is stored.

    `unit_price` and `allergens` are those of the dish with its options; `allergens` None: one of these is not
    confirmed. `conflicts` are the declared allergens that cannot be ruled out. `fulfilment` is where this
    line comes from; its rate goes by where the order does.
    """

    line: int
    menu_item_id: UUID
    name_ja: str
    name_en: str
    description_ja: str | None
    description_en: str | None
    allergens: list[str] | None
    conflicts: tuple[str, ...]
    fulfilment: Fulfilment
    tax_class: str
    tax_rate_bp: int
    options: tuple[OrderOption, ...]
    unit_price: int
    quantity: int
    note: str | None
    station: str
    preparation_minutes: int
    age_restricted: bool


class PricedCart(Struct, frozen=True):
    """Lines in the guest's order, numbered from 1; `wanted` sums the quantities of each menu item."""

    items: tuple[NewItem, ...]
    fulfilment: Fulfilment
    tax_rounding: Rounding
    wanted: dict[UUID, int]
    price: Priced


def price_cart(
    hotel: Hotel,
    menu: Mapping[UUID, MenuItem],
    cart: Sequence[CartLine],
    at: datetime,
    *,
    declared: Sequence[str],
) -> PricedCart:
    """Price a cart that is served `at` that moment, to a stay that has declared these allergens. Tax goes by
    its business day.

    Raises `NotFound` for an item that is not on the menu, `ItemUnavailable` with a list of what has no tax
    rate, `InvalidInput` for options that do not fit, or an amount beyond measure.
    """
    check_on_menu(menu, cart)
    day = hotel.business_date(at)
    dishes = [menu[line.menu_item_id] for line in cart]
    fulfilment = fulfilment_of(dish.fulfilment for dish in dishes)
    rates = _tax_rates(hotel, dishes, fulfilment, day)
    items = tuple(
        _new_item(number, line, dish, declared, rate)
        for number, (line, dish, rate) in enumerate(zip(cart, dishes, rates, strict=True), 1)
    )
    service_charge_bp = hotel.service_charge_bp if fulfilment == "room_service" else 0
    wanted: dict[UUID, int] = {}
    for item in items:
        wanted[item.menu_item_id] = wanted.get(item.menu_item_id, 0) + item.quantity
    money = totals(
        (Line(item.unit_price, item.quantity, item.tax_rate_bp) for item in items),
        prices_include_tax=hotel.prices_include_tax,
        rounding=hotel.tax_rounding,
        service_charge_bp=service_charge_bp,
        service_tax_rate_bp=_service_rate(hotel, fulfilment, day) if service_charge_bp else 0,
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
            options=item.options,
            conflicts=item.conflicts,
        )
        for item in items
    )
    price = Priced(lines=lines, **structs.asdict(money))
    return PricedCart(
        items=items, fulfilment=fulfilment, tax_rounding=hotel.tax_rounding, wanted=wanted, price=price
    )


def check_on_menu(menu: Mapping[UUID, MenuItem], cart: Sequence[CartLine]) -> None:
    """Raises `NotFound` for an item that is not on the menu."""
    for index, line in enumerate(cart):
        if line.menu_item_id not in menu:
            raise NotFound("this is not on the menu", field=f"lines[{index}].menu_item_id")


def check_age(cart: PricedCart, *, attested: bool) -> None:
    """Raises `AgeNotAttested`, naming the items, unless the guest has confirmed to be of age."""
    restricted = [item.menu_item_id for item in cart.items if item.age_restricted]
    if restricted and not attested:
        raise AgeNotAttested(
            "the guest must confirm to be of age for this order",
            field="age_attested",
            menu_item_ids=restricted,
        )


def check_allergens(cart: PricedCart, *, confirmed: bool) -> None:
    """Raises `AllergenConflict` for lines with declared allergens, unless the guest wants them all the same.

    Its `conflicts` are a list of `{line, allergens, unconfirmed}`, with lines as the order numbers them, from
    1; `unconfirmed`: what is in the line is not known, so `allergens` is all that was declared.
    """
    conflicts = [
        {"line": item.line, "allergens": item.conflicts, "unconfirmed": item.allergens is None}
        for item in cart.items
        if item.conflicts
    ]
    if conflicts and not confirmed:
        raise AllergenConflict(
            "this order has, or may have, allergens that the guest has declared: confirm it, or change it",
            field="allergens_confirmed",
            conflicts=conflicts,
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


def check_available(
    hotel: Hotel, menu: Mapping[UUID, MenuItem], cart: Sequence[CartLine], at: datetime
) -> None:
    """Raises `ItemUnavailable` for lines that the kitchen does not begin at that moment.

    Its `unavailable` are a list of `{field, menu_item_id, reason, opens_at, start_time, end_time}`; a reason
    is sold_out, closed, last_order or no_tax_rate, `opens_at` None: nobody knows when.
    """
    refused: list[dict[str, object]] = []
    for index, line in enumerate(cart):
        item = menu[line.menu_item_id]
        if item.is_sold_out(at):
            reason, opens_at = "sold_out", item.sold_out_until
        elif (closed := refusal(item.hours, at, hotel.zone)) is not None:
            reason, opens_at = closed, next_opening(item.hours, at, hotel.zone)
        else:
            continue
        refused.append(_refused(index, item, reason, opens_at))
    if refused:
        raise _unavailable("some items are not served at that time", refused)


def _tax_rates(hotel: Hotel, dishes: Sequence[MenuItem], fulfilment: Fulfilment, day: date) -> Iterator[int]:
    """The rate of each line. What a hotel sells from the fridge alone has none beside something that is
    brought."""
    rates = [find_rate(hotel.rates, dish.tax_class, fulfilment, day) for dish in dishes]
    missing = [index for index, rate in enumerate(rates) if rate is None]
    if missing:
        classes = ", ".join(dict.fromkeys(dishes[index].tax_class for index in missing))
        raise _unavailable(
            f"the hotel has set no tax rate for {classes} as {fulfilment.replace('_', ' ')}",
            [_refused(index, dishes[index], "no_tax_rate", None) for index in missing],
        )
    return (rate for rate in rates if rate is not None)


def _service_rate(hotel: Hotel, fulfilment: Fulfilment, day: date) -> int:
    """A charge without a rate cannot be set, and no guest could mend it: it raises `Internal`."""
    rate = find_rate(hotel.rates, SERVICE, fulfilment, day)
    if rate is None:
        raise Internal(f"no tax rate for the service charge on {day.isoformat()}")
    return rate


def _refused(index: int, item: MenuItem, reason: str, opens_at: datetime | None) -> dict[str, object]:
    return {
        "field": f"lines[{index}].menu_item_id",
        "menu_item_id": item.id,
        "reason": reason,
        "opens_at": opens_at,
        "start_time": _clock(item.start_time),
        "end_time": _clock(item.end_time),
    }


def _unavailable(message: str, refused: Sequence[Mapping[str, object]]) -> ItemUnavailable:
    return ItemUnavailable(message, field=f"{refused[0]['field']}", unavailable=refused)


def _clock(moment: time | None) -> str | None:
    return None if moment is None else f"{moment:%H:%M}"


def _new_item(
    number: int, line: CartLine, item: MenuItem, declared: Sequence[str], tax_rate_bp: int
) -> NewItem:
    chosen = choose(item.options, line.options, field=f"lines[{number - 1}].options")
    allergens = contained([item.allergens, *(choice.allergens for _, choice in chosen)])
    return NewItem(
        line=number,
        menu_item_id=item.id,
        name_ja=item.name_ja,
        name_en=item.name_en,
        description_ja=item.description_ja,
        description_en=item.description_en,
        allergens=allergens,
        conflicts=in_conflict(declared, allergens, item.may_contain),
        fulfilment=item.fulfilment,
        tax_class=item.tax_class,
        tax_rate_bp=tax_rate_bp,
        options=snapshot(chosen),
        unit_price=unit_price(item.price, chosen),
        quantity=line.quantity,
        note=line.note or None,
        station=item.station,
        preparation_minutes=item.minutes,
        age_restricted=item.age_restricted,
    )
