"""What a rehearsal plays: a menu, and when which room orders what. Also the file of a recording: it holds
moments, rooms by a running number and dishes, and nothing that tells of a guest."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Final, Literal, TypeAlias

import msgspec
from msgspec import Meta, Struct

from hub.errors import InvalidInput, SettingError

FORMAT: Final = "hub rehearsal 1"
# A file is read whole; this is a week of a house with a thousand rooms.
MOST_BYTES: Final = 64 * 2**20
MOST_ORDERS: Final = 50_000
MOST_ROOMS: Final = 1000

Seconds: TypeAlias = Annotated[float, Meta(ge=0)]
Rounding: TypeAlias = Literal["floor", "round", "ceil"]
Key: TypeAlias = Annotated[str, Meta(pattern=r"\A[a-z][a-z0-9_]{0,39}\Z")]


class Named(Struct, frozen=True):
    """A station or a category."""

    key: Key
    name_ja: str
    name_en: str


class Choice(Struct, frozen=True):
    key: str
    name_ja: str
    name_en: str
    price: int
    allergens: list[str] | None


class Group(Struct, frozen=True):
    """Options of a dish: `min` to `max` different choices."""

    key: str
    name_ja: str
    name_en: str
    min: Annotated[int, Meta(ge=0)]
    max: Annotated[int, Meta(ge=1)]
    choices: Annotated[list[Choice], Meta(min_length=1)]


class Dish(Struct, frozen=True):
    """A menu item as it is sold; `id` is that of the hotel which it comes from."""

    id: str
    name_ja: str
    name_en: str | None
    description_ja: str | None
    description_en: str | None
    price: Annotated[int, Meta(ge=0)]
    category: Key
    tags: list[str]
    allergens: list[str] | None
    may_contain: list[str]
    tax_class: Key
    fulfilment: Literal["room_service", "fridge"]
    preparation_minutes: Annotated[int, Meta(ge=0, le=1440)]
    station: Key
    age_restricted: bool
    is_featured: bool
    options: list[Group]
    image_url: str | None


class Rate(Struct, frozen=True):
    """A tax rate in basis points."""

    tax_class: Key
    fulfilment: Literal["room_service", "fridge", "takeaway"]
    rate_bp: Annotated[int, Meta(ge=0, le=10_000)]


class Line(Struct, frozen=True):
    """`dish` is the id of a dish, `options` are "group:choice"."""

    dish: str
    quantity: Annotated[int, Meta(ge=1, le=99)]
    options: list[str] = []


class Ordered(Struct, frozen=True):
    """One order, `at` so many seconds after the begin, from room number `room`. Where it was recorded: after
    how many seconds it was accepted, ready, delivered."""

    at: Seconds
    room: Annotated[int, Meta(ge=1, le=MOST_ROOMS)]
    lines: Annotated[list[Line], Meta(min_length=1, max_length=50)]
    accepted: Seconds | None = None
    ready: Seconds | None = None
    delivered: Seconds | None = None


class Script(Struct, frozen=True, kw_only=True):
    """A whole rehearsal: `hotel` is the slug of the hotel that it comes from."""

    format: Literal["hub rehearsal 1"] = FORMAT
    hotel: Annotated[str, Meta(pattern=r"\A[a-z0-9-]{1,63}\Z")]
    time_zone: str
    prices_include_tax: bool
    tax_rounding: Rounding
    service_charge_bp: Annotated[int, Meta(ge=0, le=3000)]
    stations: list[Named]
    categories: list[Named]
    rates: list[Rate]
    dishes: Annotated[list[Dish], Meta(min_length=1)]
    orders: Annotated[list[Ordered], Meta(max_length=MOST_ORDERS)]

    @property
    def rooms(self) -> int:
        return max((order.room for order in self.orders), default=1)


def read(path: Path) -> Script:
    """A recording. Raises SettingError when it cannot be read, InvalidInput saying what is wrong in it."""
    try:
        if path.stat().st_size > MOST_BYTES:
            raise InvalidInput(f"{path} is larger than {MOST_BYTES >> 20} MiB", field="from")
        raw = path.read_bytes()
    except OSError as error:
        raise SettingError(f"cannot read {path}: {error.strerror}", field="from") from error
    return _parsed(path, raw, "from")


def write(path: Path, script: Script) -> None:
    """Raises SettingError when it cannot be written, InvalidInput when it could not be read again."""
    raw = msgspec.json.format(msgspec.json.encode(script), indent=1) + b"\n"
    if len(raw) > MOST_BYTES:
        raise InvalidInput(
            f"{path} would be larger than {MOST_BYTES >> 20} MiB: choose a shorter time", field="out"
        )
    _parsed(path, raw, "out")
    try:
        path.write_bytes(raw)
    except OSError as error:
        raise SettingError(f"cannot write {path}: {error.strerror}", field="out") from error


def fitting(line: Line, dish: Dish) -> Line:
    """The line as the dish is sold now: without what is not offered any more, with what must be chosen."""
    wanted = set(line.options)
    options = []
    for group in dish.options:
        keys = [f"{group.key}:{choice.key}" for choice in group.choices]
        taken = [key for key in keys if key in wanted][: group.max]
        taken += [key for key in keys if key not in taken][: max(0, group.min - len(taken))]
        options += taken
    return Line(line.dish, line.quantity, options)


def _parsed(path: Path, raw: bytes, field: str) -> Script:
    """What stands in a file. Raises InvalidInput."""
    try:
        found: Any = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidInput(f"{path} is no JSON: {error}", field=field) from error
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        raise InvalidInput(f'{path} is no recording: it does not say "format": "{FORMAT}"', field=field)
    try:
        script = msgspec.convert(found, Script)
    except msgspec.ValidationError as error:
        raise InvalidInput(f"{path}: {error}", field=field) from error
    _check(path, script, field)
    return script


def _check(path: Path, script: Script, field: str) -> None:
    if not script.orders:
        raise InvalidInput(f"{path} has no orders", field=field)
    dishes = [dish.id for dish in script.dishes]
    if len(set(dishes)) < len(dishes):
        raise InvalidInput(f"{path}: a dish stands twice", field=field)
    known = set(dishes)
    for number, order in enumerate(script.orders):
        if number and order.at < script.orders[number - 1].at:
            raise InvalidInput(f"{path}: order {number} is before order {number - 1}", field=field)
        for line in order.lines:
            if line.dish not in known:
                raise InvalidInput(f"{path}: order {number} has an unknown dish {line.dish!r}", field=field)
