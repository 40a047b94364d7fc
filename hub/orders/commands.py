"""The commands that price and place an order, and the table of all order commands. Each runs inside the one
transaction of its operation.

Locks are taken in one order everywhere: the stay, the slots of the kitchen, stock rows by id, the day's
counter, the order, its items; the log's head comes last, at the commit.
"""

from __future__ import annotations

from datetime import datetime
from typing import assert_never
from uuid import UUID

from msgspec import Struct, structs

from hub.db.ids import uuid7
from hub.db.scope import Scope
from hub.errors import Forbidden, InvalidInput, LaterThanQuoted, NotFound, PriceChanged
from hub.operations import Operation
from hub.orders import changes, load, pausing, reading, store
from hub.orders.access import stay_ended
from hub.orders.backlog import Backlogs
from hub.orders.basis import Basis, basis, basis_of_stay, hold_slots, slots, stay_in_room
from hub.orders.cart import (
    PricedCart,
    check_age,
    check_allergens,
    check_available,
    check_on_menu,
    check_stock,
    price_cart,
)
from hub.orders.documents import Channel
from hub.orders.load import Kitchen, Offer, Plan, Portions, Slots
from hub.orders.messages import (
    Cart,
    Estimate,
    PlaceArgs,
    PlaceReply,
    Quote,
    QuoteArgs,
    QuoteReply,
    SlotsArgs,
    SlotsReply,
)
from hub.orders.pricing import fulfilment_of
from hub.orders.serving import Serving
from hub.security.permissions import Permission
from hub.security.principal import Principal


class Taking:
    """How orders are taken, with what was counted lately of the kitchens."""

    def __init__(self) -> None:
        self._backlogs = Backlogs()

    def operations(self) -> tuple[Operation, ...]:
        look = Permission.ORDER_READ
        return (
            Operation(
                name="order.quote", args=QuoteArgs, run=self.quote, permission=look, writes=False, once=False
            ),
            Operation(
                name="order.slots",
                args=SlotsArgs,
                run=self.offer_slots,
                permission=look,
                writes=False,
                once=False,
            ),
            Operation(name="order.place", args=PlaceArgs, run=self.place, permission=Permission.ORDER_PLACE),
        )

    async def quote(self, scope: Scope, principal: Principal, args: QuoteArgs) -> QuoteReply:
        """What a cart costs now, and when it is there. Refuses what `place` refuses for the sake of the room,
        of the items or of the kitchen."""
        stay_id = await _looked_at(scope, principal, args.room_number)
        found = await basis(scope, self._backlogs, stay_id, _wanted(args.lines))
        asked = _asked(found, args.lines, scope.now)
        _check_begin(found, asked, args, scope.now)
        plan = _planned(found, asked, args, await slots(scope, asked.kitchen), scope.now)
        cart = _priced(found, args.lines, plan, scope.now)
        items = found.menu.values()
        check_stock(cart, {i.id: i.stock_quantity for i in items if i.stock_quantity is not None})
        return QuoteReply(quote=_quoted(cart, plan))

    async def place(self, scope: Scope, principal: Principal, args: PlaceArgs) -> PlaceReply:
        """A new order of the guest's stay, or of a room that staff name: all lines or none.

        Raises StayEnded, NotFound and ItemUnavailable naming lines, KitchenPaused, SlotFull with free times,
        AgeNotAttested, AllergenConflict, PriceChanged and LaterThanQuoted with the new quote, OutOfStock with
        what is left.
        """
        stay_id, channel = await _guest(scope, principal, args.room_number)
        found = await basis_of_stay(scope, self._backlogs, stay_id, _wanted(args.lines))
        if found is None:
            raise stay_ended()
        asked = _asked(found, args.lines, scope.now)
        _check_begin(found, asked, args, scope.now)
        plan = _planned(found, asked, args, await hold_slots(scope, asked.kitchen), scope.now)
        cart = _priced(found, args.lines, plan, scope.now)
        check_age(cart, attested=args.age_attested)
        check_allergens(cart, confirmed=args.allergens_confirmed)
        if args.quoted_total is not None and args.quoted_total != cart.price.total_amount:
            new = _quoted(cart, plan)
            raise PriceChanged("the price is not the one that was quoted", field="quoted_total", quote=new)
        if args.quoted_until is not None and plan.last - load.PATIENCE > args.quoted_until:
            new = _quoted(cart, plan)
            raise LaterThanQuoted("it would be there later than was said", field="quoted_until", quote=new)
        if any(item.stock_quantity is not None for item in found.menu.values()):
            stock = check_stock(cart, await store.lock_stock(scope, cart.wanted))
            await store.change_stock(scope, {item: -quantity for item, quantity in stock.items()})
        order = store.NewOrder(
            stay_id=stay_id,
            room_number=found.room_number,
            channel=channel,
            business_date=found.hotel.business_date(scope.now),
            special_requests=args.special_requests or None,
            fire_at=plan.fire_at,
            due_at=plan.due_at,
            estimated_delivery_at=plan.last,
            declared_allergens=found.declared,
            allergens_version=found.allergens_version,
        )
        return PlaceReply(order=await store.insert(scope, uuid7(), order, cart))

    async def offer_slots(self, scope: Scope, principal: Principal, args: SlotsArgs) -> SlotsReply:
        """The times of the next 24 hours, and whether a cart can be wished for them."""
        found = await basis(scope, self._backlogs, principal.stay_id, _wanted(args.lines))
        asked = _asked(found, args.lines, scope.now)
        return SlotsReply(slots=_offered(asked, await slots(scope, asked.kitchen), scope.now))


class _Asked(Struct, frozen=True):
    """A cart as its kitchen sees it."""

    kitchen: Kitchen
    dishes: list[Portions]
    served: Serving


def _wanted(lines: Cart) -> set[UUID]:
    return {line.menu_item_id for line in lines}


async def _looked_at(scope: Scope, principal: Principal, room_number: str | None) -> UUID | None:
    """The stay that a quote is for, None where nobody has said. What a room has declared is for those who may
    order for it."""
    if room_number is None:
        return principal.stay_id
    if not principal.may(Permission.ORDER_PLACE):
        raise Forbidden("Only staff who take orders may name a room.", field="room_number")
    stay_id, _ = await _guest(scope, principal, room_number)
    return stay_id


async def _guest(scope: Scope, principal: Principal, room_number: str | None) -> tuple[UUID, Channel]:
    """The stay that is ordered for, and how the order comes."""
    match principal.kind:
        case "tablet" | "phone":
            if room_number is not None:
                raise Forbidden("Only staff may name a room.", field="room_number")
            if principal.stay_id is None:
                raise stay_ended()
            return principal.stay_id, principal.kind
        case "staff":
            if room_number is None:
                raise InvalidInput("name the room that the order is for", field="room_number")
            stay_id = await stay_in_room(scope, room_number)
            if stay_id is None:
                raise NotFound("nobody lives in this room", field="room_number")
            return stay_id, "staff"
        case "kitchen":
            raise Forbidden("A kitchen screen places no orders.")
        case _:
            assert_never(principal.kind)


def _asked(found: Basis, lines: Cart, now: datetime) -> _Asked:
    """Raises NotFound for what is not on the menu. From the fridge alone, nothing is asked of the kitchen."""
    check_on_menu(found.menu, lines)
    items = [found.menu[line.menu_item_id] for line in lines]
    kitchen = found.kitchen
    if fulfilment_of(item.fulfilment for item in items) == "fridge":
        kitchen = load.at_hand(kitchen)
    return _Asked(
        kitchen,
        [
            Portions(item.station, item.minutes, line.quantity)
            for item, line in zip(items, lines, strict=True)
        ],
        Serving(items, found.hotel.zone, now, now + load.FARTHEST),
    )


def _check_begin(found: Basis, asked: _Asked, args: QuoteArgs | PlaceArgs, now: datetime) -> None:
    """Raises InvalidInput, KitchenPaused or ItemUnavailable for what would not be begun."""
    due_at = args.due_at
    if due_at is not None and not now < due_at <= now + load.FARTHEST:
        raise InvalidInput("choose a time within the next 48 hours", field="due_at")
    begin = load.begin_for(asked.kitchen, asked.dishes, now, due_at) or now
    load.check_pause(asked.kitchen, begin)
    check_available(found.hotel, found.menu, args.lines, begin)


def _planned(found: Basis, asked: _Asked, args: QuoteArgs | PlaceArgs, taken: Slots, now: datetime) -> Plan:
    """When it is made and there."""
    plan = load.plan(asked.kitchen, taken, asked.dishes, asked.served, now, args.due_at)
    if plan.fire_at is not None and plan.due_at is None:
        # it waits for a slot with room
        check_available(found.hotel, found.menu, args.lines, plan.fire_at)
    return plan


def _priced(found: Basis, lines: Cart, plan: Plan, now: datetime) -> PricedCart:
    """A cart at the prices of the day on which it is served."""
    served_at = plan.due_at or plan.fire_at or now
    return price_cart(found.hotel, found.menu, lines, served_at, declared=found.declared)


def _offered(asked: _Asked, taken: Slots, now: datetime) -> list[Offer]:
    soonest = now + load.whole(asked.kitchen, asked.dishes)
    return list(
        load.offers(asked.kitchen, taken, asked.dishes, asked.served, after=soonest, until=now + load.SOON)
    )


def _quoted(cart: PricedCart, plan: Plan) -> Quote:
    estimate = Estimate(plan.fire_at, plan.first, plan.last)
    return Quote(**structs.asdict(cart.price), estimate=estimate)


def operations() -> tuple[Operation, ...]:
    """Every command of orders."""
    return (*Taking().operations(), *changes.OPERATIONS, *pausing.OPERATIONS, reading.RECENT)
