"""How a hotel runs its room service, as its manager sets it: where dishes are made, under what they stand,
what is charged for bringing them, and how much the kitchen takes on at once. Pure; the database holds the
same limits."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Annotated, Any, Final, Literal, TypeAlias

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from hub.errors import InvalidInput
from hub.menu.documents import Named
from hub.security.words import plain_text

_KEY: Final = re.compile(r"[a-z][a-z0-9_]{0,39}")
_NAME_LENGTH: Final = 100
_LISTS: Final = ("stations", "categories")
_USUAL_NIGHT: Final = {"night_start": "22:00", "night_end": "07:00"}

Key: TypeAlias = Annotated[str, Meta(pattern="^[a-z][a-z0-9_]{0,39}$")]
Name: TypeAlias = Annotated[str, Meta(min_length=1, max_length=_NAME_LENGTH)]


class Label(Struct, frozen=True, forbid_unknown_fields=True):
    """`key` is how dishes and screens name a station or a heading, and stays; people see the names."""

    key: Key
    name_ja: Name
    name_en: Name


Labels: TypeAlias = Annotated[tuple[Label, ...], Meta(max_length=40)]
ChargeBp: TypeAlias = Annotated[
    int, Meta(ge=0, le=3000, description="Basis points of what is served: 1000 is 10 %.")
]
DeliveryMinutes: TypeAlias = Annotated[int, Meta(ge=0, le=120, description="The way to a room.")]
Clock: TypeAlias = Annotated[
    str,
    Meta(
        pattern="^([01][0-9]|2[0-3]):[0-5][0-9]$",
        max_length=5,
        description="HH:MM of the hotel; tablets are dark at night.",
    ),
]
IdleSeconds: TypeAlias = Annotated[int, Meta(ge=30, le=3600, description="A tablet rests after so long.")]
LegalAge: TypeAlias = Annotated[int, Meta(ge=0, le=30, description="Of guests who order alcohol.")]
Portions: TypeAlias = Annotated[int, Meta(ge=1, le=50)]
Capacity: TypeAlias = Annotated[
    dict[Key, Portions],
    Meta(max_length=40, description="Portions that a station makes at once; 3 where nothing is said."),
]
Interval: TypeAlias = Literal[5, 10, 15, 20, 30, 60]
MostOrders: TypeAlias = Annotated[
    int, Meta(ge=1, le=1000, description="That the kitchen takes on in an interval; null does not limit.")
]
MostMinutes: TypeAlias = Annotated[
    int,
    Meta(
        ge=1,
        le=10_000,
        description="Of preparation that the kitchen takes on in an interval; null does not limit.",
    ),
]


class ServiceSettings(Struct, frozen=True, kw_only=True):
    """Dishes are made at `stations` and stand under `categories`. Null is as usual."""

    stations: list[Named] | None
    categories: list[Named] | None
    service_charge_bp: ChargeBp | None
    delivery_minutes: DeliveryMinutes | None
    night_start: Clock | None
    night_end: Clock | None
    idle_seconds: IdleSeconds | None
    legal_age: LegalAge | None
    station_capacity: Capacity | None
    throttle_interval_minutes: Interval | None
    throttle_orders: MostOrders | None
    throttle_minutes: MostMinutes | None


NAMES: Final = ServiceSettings.__struct_fields__


class ChangeService(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is left out stays as it is; null is as usual."""

    stations: Labels | UnsetType | None = UNSET
    categories: Labels | UnsetType | None = UNSET
    service_charge_bp: ChargeBp | UnsetType | None = UNSET
    delivery_minutes: DeliveryMinutes | UnsetType | None = UNSET
    night_start: Clock | UnsetType | None = UNSET
    night_end: Clock | UnsetType | None = UNSET
    idle_seconds: IdleSeconds | UnsetType | None = UNSET
    legal_age: LegalAge | UnsetType | None = UNSET
    station_capacity: Capacity | UnsetType | None = UNSET
    throttle_interval_minutes: Interval | UnsetType | None = UNSET
    throttle_orders: MostOrders | UnsetType | None = UNSET
    throttle_minutes: MostMinutes | UnsetType | None = UNSET


class Used(Struct, frozen=True):
    """The stations and headings of the dishes that guests can see."""

    stations: Collection[str]
    categories: Collection[str]


def cleaned(given: Mapping[str, Any]) -> dict[str, Any]:
    """What was asked for as it is kept. Raises InvalidInput for a key that stands twice, and for names that
    hide something."""
    values: dict[str, Any] = msgspec.to_builtins(given)
    for name in _LISTS:
        if values.get(name):
            _clean(values[name], name)
    for key in values.get("station_capacity") or ():
        _check_key(key, "station_capacity")
    return values


def fitted(
    before: Mapping[str, Any], kept: dict[str, Any], given: Mapping[str, Any], used: Used
) -> dict[str, Any]:
    """What will stand: `kept`, where a station that goes takes its capacity along. `before` is what stood,
    `given` what was asked for.

    Raises InvalidInput for a station or heading that dishes need, a capacity of no station, a night without
    end.
    """
    for name in _LISTS:
        if name in given:
            _check_needed(name, _keys(before, name) - _keys(kept, name), getattr(used, name))
    start, end = (kept.get(name) or usual for name, usual in _USUAL_NIGHT.items())
    if start == end and given.keys() & _USUAL_NIGHT.keys():
        at = "night_end" if "night_end" in given else "night_start"
        raise InvalidInput("The night ends at another time than it begins.", field=at)
    stations = _keys(kept, "stations") | set(used.stations)
    capacity = kept.get("station_capacity") or {}
    unknown = [key for key in capacity if key not in stations]
    if unknown and "station_capacity" in given:
        raise InvalidInput(f"There is no station {unknown[0]}; add it first.", field="station_capacity")
    if unknown and "stations" in given:
        return kept | {"station_capacity": {key: capacity[key] for key in capacity if key in stations}}
    return kept


def _clean(labels: list[dict[str, str]], name: str) -> None:
    seen: set[str] = set()
    for at, label in enumerate(labels):
        _check_key(label["key"], f"{name}[{at}].key")
        if label["key"] in seen:
            raise InvalidInput("This key stands in the list already.", field=f"{name}[{at}].key")
        seen.add(label["key"])
        for part in ("name_ja", "name_en"):
            label[part] = plain_text(label[part], f"{name}[{at}].{part}", _NAME_LENGTH)


def _check_key(key: str, field: str) -> None:
    if _KEY.fullmatch(key) is None:  # a pattern lets a line feed at the end pass
        raise InvalidInput("A key has no line feed.", field=field)


def _check_needed(name: str, gone: set[str], used: Collection[str]) -> None:
    if needed := sorted(gone.intersection(used)):
        raise InvalidInput(
            f"Dishes on the menu still need {', '.join(needed)}; move them first.", field=name, needed=needed
        )


def _keys(settings: Mapping[str, Any], name: str) -> set[str]:
    return {label["key"] for label in settings.get(name) or ()}
