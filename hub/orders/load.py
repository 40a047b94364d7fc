"""When the kitchen begins an order, and when it is there: from what waits at the stations, and from how much
the hotel lets the kitchen take on at once. Pure.

A hotel may limit its slots, of `interval_minutes` by its own clock: each takes so many orders, or so much
work. Work is minutes of preparation, of each portion. An order takes the slot in which the kitchen begins it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Final, Protocol, TypeAlias
from zoneinfo import ZoneInfo

from msgspec import Struct
from msgspec.structs import replace

from hub.errors import KitchenPaused, SlotFull
from hub.menu.documents import Pause

# Portions that a station prepares at once.
USUAL_CAPACITY: Final = 3
# As soon as possible is not later than that.
SOON: Final = timedelta(hours=24)
# How much later than was said an order may be there before the guest is asked: to read a quote takes time,
# and times are told in steps of five minutes.
PATIENCE: Final = timedelta(minutes=15)
# No order is taken for later.
FARTHEST: Final = timedelta(hours=48)

# Times that are looked at for a guest who wishes one: a day of the shortest slots.
MOST_OFFERS: Final = 288

_GRAIN: Final = timedelta(minutes=5)
_OFFERED: Final = 5
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Prepared(Protocol):
    """`preparation_minutes` are those of one portion."""

    @property
    def preparation_minutes(self) -> int: ...


class Dish(Prepared, Protocol):
    """What a line of a cart is to the kitchen."""

    @property
    def station(self) -> str: ...
    @property
    def quantity(self) -> int: ...


class Portions(Struct, frozen=True):
    """A line of a cart that is not priced."""

    station: str
    preparation_minutes: int
    quantity: int


class Kitchen(Struct, frozen=True):
    """`capacity` and `backlog` are by station: portions at once, and minutes of work that wait or are being
    worked on. `most_orders` and `most_minutes` limit a slot, None does not."""

    time_zone: str
    delivery_minutes: int
    capacity: dict[str, int]
    interval_minutes: int
    most_orders: int | None
    most_minutes: int | None
    pause: Pause | None
    backlog: dict[str, int] = {}

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.time_zone)

    @property
    def is_limited(self) -> bool:
        return self.most_orders is not None or self.most_minutes is not None


class Taken(Struct, frozen=True):
    """What a slot has taken on already."""

    orders: int = 0
    minutes: int = 0


# By the beginning of the slot.
Slots: TypeAlias = Mapping[datetime, Taken]
Served: TypeAlias = Callable[[datetime], bool]


class Plan(Struct, frozen=True):
    """The kitchen begins at `fire_at`, None: at once. `due_at` is what the guest wished, None: as soon as
    possible. The order is there between `first` and `last`."""

    fire_at: datetime | None
    due_at: datetime | None
    first: datetime
    last: datetime


class Offer(Struct, frozen=True):
    """A time for which an order can be wished, when it is `free`."""

    at: datetime
    free: bool


def whole(kitchen: Kitchen, dishes: Iterable[Prepared]) -> timedelta:
    """From the begin of an order until it is there when nothing waits: the slowest dish, the others are made
    beside it, and the way."""
    slowest = max((dish.preparation_minutes for dish in dishes), default=0)
    return timedelta(minutes=slowest + kitchen.delivery_minutes)


def at_hand(kitchen: Kitchen) -> Kitchen:
    """The same for what guests take from the fridge in their room: no way, and whatever the kitchen can or
    cannot take on at the moment."""
    return replace(kitchen, delivery_minutes=0, most_orders=None, most_minutes=None, pause=None)


def begin_for(
    kitchen: Kitchen, dishes: Iterable[Prepared], now: datetime, due_at: datetime | None
) -> datetime | None:
    """When the kitchen begins what is wished for `due_at`. None is as soon as possible: that is wished, or
    the time cannot be reached any more."""
    if due_at is None:
        return None
    begin = due_at - whole(kitchen, dishes)
    return begin if begin > now else None


def effort(dishes: Iterable[Dish]) -> int:
    """In minutes of preparation."""
    return sum(dish.preparation_minutes * dish.quantity for dish in dishes)


def slot_of(at: datetime, kitchen: Kitchen) -> datetime:
    """The beginning, in UTC, of the slot that the moment lies in."""
    local = at.astimezone(kitchen.zone)
    past = timedelta(
        minutes=(local.hour * 60 + local.minute) % kitchen.interval_minutes,
        seconds=local.second,
        microseconds=local.microsecond,
    )
    return at.astimezone(UTC) - past


def slots_taken(orders: Iterable[tuple[datetime, int]], kitchen: Kitchen) -> dict[datetime, Taken]:
    """What the slots have taken on, from when the kitchen begins each order and how much work it is."""
    slots: dict[datetime, Taken] = {}
    for at, minutes in orders:
        begin = slot_of(at, kitchen)
        before = slots.get(begin, Taken())
        slots[begin] = Taken(before.orders + 1, before.minutes + minutes)
    return slots


def plan(
    kitchen: Kitchen,
    slots: Slots,
    dishes: Sequence[Dish],
    served: Served,
    now: datetime,
    due_at: datetime | None = None,
) -> Plan:
    """When a cart that is ordered now is made: for `due_at`, or else in the first slot with room.

    Raises `SlotFull` with the next free times that can be wished, of those at which all of it is `served`.
    """
    takes, work = whole(kitchen, dishes), effort(dishes)
    fire_at = begin_for(kitchen, dishes, now, due_at)
    if due_at is not None and fire_at is not None:
        if not _has_room(kitchen, slots, work, fire_at):
            raise _full(offers(kitchen, slots, dishes, served, after=due_at, until=now + FARTHEST), "due_at")
        return Plan(fire_at, due_at, due_at, due_at)
    begin = now
    while not _has_room(kitchen, slots, work, begin):
        begin = _following(kitchen, begin)
        if begin - now > SOON:
            raise _full(offers(kitchen, slots, dishes, served, after=begin + takes, until=now + FARTHEST))
    ready = begin + _waiting(kitchen, dishes, begin - now) + timedelta(minutes=kitchen.delivery_minutes)
    first = _rounded_up(ready)
    spread = max((ready - now) / 4, _GRAIN)
    return Plan(None if begin == now else begin, None, first, _rounded_up(first + spread))


def offers(
    kitchen: Kitchen,
    slots: Slots,
    dishes: Sequence[Dish],
    served: Served,
    *,
    after: datetime,
    until: datetime,
) -> Iterator[Offer]:
    """Times for which a cart can be wished, one in each interval, `MOST_OFFERS` at most. Those that are not
    free are full, or not all of it is served then, or the kitchen is paused."""
    takes, work = whole(kitchen, dishes), effort(dishes)
    at = _following(kitchen, after)
    for _ in range(MOST_OFFERS):
        if at > until:
            return
        fire_at = at - takes
        free = (
            not _is_paused(kitchen, fire_at) and served(fire_at) and _has_room(kitchen, slots, work, fire_at)
        )
        yield Offer(at, free)
        at = _following(kitchen, at)


def check_pause(kitchen: Kitchen, at: datetime) -> None:
    """Raises `KitchenPaused` when the kitchen does not begin anything at that moment."""
    if _is_paused(kitchen, at):
        raise KitchenPaused("the kitchen takes no orders at the moment", pause=kitchen.pause)


def _waiting(kitchen: Kitchen, dishes: Iterable[Dish], passed: timedelta) -> timedelta:
    """From the begin of an order until all of it is made, when what waits now has been worked on for so long
    before. What needs no preparation does not wait for the station."""
    longest = timedelta()
    for dish in dishes:
        if dish.preparation_minutes > 0:
            at_once = max(kitchen.capacity.get(dish.station, USUAL_CAPACITY), 1)
            ahead = timedelta(minutes=kitchen.backlog.get(dish.station, 0) / at_once)
            own = timedelta(minutes=dish.preparation_minutes)
            longest = max(longest, max(ahead - passed, timedelta()) + own)
    return longest


def _has_room(kitchen: Kitchen, slots: Slots, work: int, at: datetime) -> bool:
    """What is more work than a slot takes still fits into an empty one."""
    if not kitchen.is_limited:
        return True
    taken = slots.get(slot_of(at, kitchen), Taken())
    if taken.orders == 0:
        return True
    if kitchen.most_orders is not None and taken.orders >= kitchen.most_orders:
        return False
    return kitchen.most_minutes is None or taken.minutes + work <= kitchen.most_minutes


def _following(kitchen: Kitchen, at: datetime) -> datetime:
    """The beginning of the next slot."""
    end = slot_of(at, kitchen) + timedelta(minutes=kitchen.interval_minutes)
    # Where the clock is set by half an hour, the slot after it can seem to begin before `at`.
    begin = slot_of(end, kitchen)
    return begin if begin > at else end


def _is_paused(kitchen: Kitchen, at: datetime) -> bool:
    return kitchen.pause is not None and (kitchen.pause.until is None or at < kitchen.pause.until)


def _full(following: Iterable[Offer], field: str | None = None) -> SlotFull:
    free = islice((offer.at for offer in following if offer.free), _OFFERED)
    return SlotFull(
        "the kitchen has as much to do then as it takes on: choose another time", field=field, free=list(free)
    )


def _rounded_up(at: datetime) -> datetime:
    return at + (_EPOCH - at) % _GRAIN
