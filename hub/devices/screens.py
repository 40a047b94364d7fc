"""How a kitchen screen is set up, by its cooks or by a manager for it. The hub keeps it, so that one that was
reset looks as before; the screen is told of every change."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, TypeAlias
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from hub.db.queries import load
from hub.errors import InvalidInput, NotFound
from hub.operations import Operation, decode
from hub.security.permissions import Permission

if TYPE_CHECKING:
    from hub.db.scope import Scope
    from hub.security.principal import Principal

SET_SCREEN: Final = load("devices")["set_screen"]

Percent: TypeAlias = Annotated[int, Meta(ge=1, le=1000)]
StationKey: TypeAlias = Annotated[str, Meta(pattern="^[a-z][a-z0-9_]{0,39}$")]
Action: TypeAlias = Annotated[str, Meta(pattern="^[a-z][a-z0-9_]{0,39}$")]
# A key as browsers name it, such as Enter, PageDown or a letter.
Key: TypeAlias = Annotated[str, Meta(pattern=r"^[^\x00-\x1f\x7f]{1,20}$")]


class Sounds(Struct, frozen=True, forbid_unknown_fields=True):
    """What the screen sounds for, and how loud, in percent."""

    arrived: bool | UnsetType = UNSET
    changed: bool | UnsetType = UNSET
    cancelled: bool | UnsetType = UNSET
    ready: bool | UnsetType = UNSET
    unaccepted: bool | UnsetType = UNSET
    late: bool | UnsetType = UNSET
    volume: Annotated[int, Meta(ge=0, le=100)] | UnsetType = UNSET


class Thresholds(Struct, frozen=True, forbid_unknown_fields=True):
    """From when on a ticket is marked, in percent of its preparation time; `late` comes after `soon`."""

    soon: Percent
    late: Percent


class ScreenSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """What was chosen; the screen has a default for the rest.

    `stations` are those it shows, null for those that it was given when it was paired; `columns` null: as
    many as fit; `text_size` in percent; `keys` are by action.
    """

    view: Literal["kitchen", "expo", "runner"] | UnsetType = UNSET
    stations: Annotated[tuple[StationKey, ...], Meta(max_length=20)] | UnsetType | None = UNSET
    columns: Annotated[int, Meta(ge=3, le=8)] | UnsetType | None = UNSET
    text_size: Annotated[int, Meta(ge=80, le=200)] | UnsetType = UNSET
    rail: bool | UnsetType = UNSET
    sounds: Sounds | UnsetType = UNSET
    thresholds: Thresholds | UnsetType = UNSET
    keys: Annotated[dict[Action, Key], Meta(max_length=60)] | UnsetType = UNSET
    shortcuts: bool | UnsetType = UNSET
    language: Literal["ja", "en"] | UnsetType = UNSET


class ConfigureScreen(Struct, frozen=True, forbid_unknown_fields=True):
    """`settings` replace those before as a whole."""

    settings: ScreenSettings


class Screen(Struct, frozen=True, forbid_unknown_fields=True):
    """A kitchen screen as it knows itself; `stations` are those that it was given, none for all."""

    id: UUID
    name: str
    stations: tuple[str, ...]
    settings: ScreenSettings


class OneScreen(Struct, frozen=True):
    screen: Screen


def check(settings: ScreenSettings) -> ScreenSettings:
    """The same settings. Raises InvalidInput for what each part allows and the whole does not."""
    marks, keys = settings.thresholds, settings.keys
    if isinstance(marks, Thresholds) and marks.soon >= marks.late:
        raise InvalidInput("A ticket is late after it is soon late.", field="settings.thresholds.late")
    if isinstance(keys, dict) and len(set(keys.values())) < len(keys):
        raise InvalidInput("One key cannot do two things.", field="settings.keys")
    return settings


def read_settings(chosen: dict[str, Any]) -> dict[str, Any]:
    """What a manager has chosen for a screen, in its one form. Raises InvalidInput."""
    wish = decode(msgspec.json.encode({"settings": chosen}), ConfigureScreen)
    kept: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(check(wish.settings)))
    return kept


async def configure(scope: Scope, principal: Principal, args: ConfigureScreen) -> OneScreen:
    """Set this screen up."""
    settings = check(args.settings)
    row = await scope.fetchrow(
        SET_SCREEN, scope.tenant_id, principal.id, msgspec.json.encode(settings).decode()
    )
    if row is None:
        raise NotFound("There is no such screen.")
    return OneScreen(Screen(principal.id, row["device_name"], tuple(row["stations"]), settings))


# Not once: settings are told as a whole, and the same ones again change nothing.
CONFIGURE: Final = Operation(
    name="screen.configure",
    args=ConfigureScreen,
    run=configure,
    permission=Permission.SCREEN_CONFIGURE,
    once=False,
)
