"""A hotel as its own people see it: what anybody may know of it, and what its manager sets."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, TypeAlias

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from hub.db.queries import load
from hub.errors import InvalidInput, NotFound
from hub.security.permissions import Permission, StaffRole
from hub.security.principal import PLATFORM
from hub.security.words import phone_number
from hub.tenants import alerts, rates, service
from hub.tenants.service import ChangeService, ServiceSettings, Used
from hub.web.endpoint import Endpoint, Guarded, Spec
from hub.web.gate import Gate, query

if TYPE_CHECKING:
    import asyncpg
    from starlette.requests import Request

    from hub.db.database import Database
    from hub.db.scope import Scope
    from hub.security.hosts import Hosts
    from hub.security.principal import Principal

_queries = load("hotel")
SETTINGS: Final = _queries["settings"]
LOCK_SETTINGS: Final = _queries["lock_settings"]
SAVE_SETTINGS: Final = _queries["save_settings"]
USED: Final = _queries["used"]

Locale: TypeAlias = Literal["ja", "en"]
RecallMinutes: TypeAlias = Annotated[int, Meta(ge=1, le=1440)]
UndoSeconds: TypeAlias = Annotated[int, Meta(ge=1, le=60)]
# Those that stand in the column `settings`, beside what else is kept there.
_KEPT: Final = (
    "phone", "recall_minutes", "undo_seconds", *alerts.USUAL, "alert_every_seconds", *service.NAMES
)  # fmt: skip


class AskHotel(Struct, frozen=True, forbid_unknown_fields=True):
    """`hotel` is a slug; it counts where the address itself names no hotel."""

    hotel: Annotated[str, Meta(min_length=1, max_length=63)] | None = None


class Hotel(Struct, frozen=True):
    """What anybody may know of a hotel."""

    name: str
    slug: str
    locale: Locale


class HotelSettings(ServiceSettings, frozen=True, kw_only=True):
    """`totp_roles` are the roles that need a second factor, `phone` what a guest dials for the front desk. A
    cook may recall an order for `recall_minutes` and undo a bump for `undo_seconds`.

    An order that no screen shows is told of after `alert_unseen_seconds`, out of the house too after
    `alert_hook_seconds`; one that nobody accepts sounds after `alert_chime_seconds`, again every
    `alert_every_seconds`, and managers are told after `alert_page_seconds`. Null is as usual.
    """

    totp_roles: list[StaffRole]
    locale: Locale
    phone: str | None
    recall_minutes: RecallMinutes | None
    undo_seconds: UndoSeconds | None
    alert_unseen_seconds: alerts.Unseen | None
    alert_hook_seconds: alerts.Hook | None
    alert_chime_seconds: alerts.Chime | None
    alert_page_seconds: alerts.Page | None
    alert_every_seconds: alerts.Every | None


class ChangeSettings(ChangeService, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is left out stays as it is; null is as usual."""

    totp_roles: Annotated[tuple[StaffRole, ...], Meta(max_length=6)] | UnsetType = UNSET
    locale: Locale | UnsetType = UNSET
    phone: Annotated[str, Meta(min_length=1, max_length=30)] | UnsetType | None = UNSET
    recall_minutes: RecallMinutes | UnsetType | None = UNSET
    undo_seconds: UndoSeconds | UnsetType | None = UNSET
    alert_unseen_seconds: alerts.Unseen | UnsetType | None = UNSET
    alert_hook_seconds: alerts.Hook | UnsetType | None = UNSET
    alert_chime_seconds: alerts.Chime | UnsetType | None = UNSET
    alert_page_seconds: alerts.Page | UnsetType | None = UNSET
    alert_every_seconds: alerts.Every | UnsetType | None = UNSET


async def change(database: Database, principal: Principal, wanted: ChangeSettings) -> HotelSettings:
    """Raises InvalidInput."""
    given = service.cleaned({name: value for name in _KEPT if (value := getattr(wanted, name)) is not UNSET})
    if isinstance(phone := given.get("phone"), str):
        given["phone"] = _dialled(phone)
    roles = wanted.totp_roles
    if roles is not UNSET and ("super_admin" in roles) and principal.tenant_id != PLATFORM:
        raise InvalidInput("A hotel has no super-admins.", field="totp_roles")

    async def work(scope: Scope) -> HotelSettings:
        row = await scope.fetchrow(LOCK_SETTINGS, scope.tenant_id)
        if row is None:
            raise NotFound("There is no such hotel.")
        before = _kept(row)
        kept = {
            name: value for name, value in (before | given).items() if value is not None or name not in _KEPT
        }
        alerts.check_order(kept, given)
        if given.keys() & service.NAMES:
            await _check_charge(scope, given)
            kept = service.fitted(before, kept, given, await _used(scope))
        await scope.execute(
            SAVE_SETTINGS,
            scope.tenant_id,
            row["totp_roles"] if roles is UNSET else sorted(set(roles)),
            row["locale"] if wanted.locale is UNSET else wanted.locale,
            msgspec.json.encode(kept).decode(),
        )
        return _shown(await scope.fetchrow(SETTINGS, scope.tenant_id))

    return await database.transaction(principal.tenant_id, principal.actor(), work, idempotent=True)


async def _check_charge(scope: Scope, given: dict[str, Any]) -> None:
    if given.get("service_charge_bp") and not await rates.can_charge_service(scope):
        raise InvalidInput(
            "No tax rate holds for a service charge: add one of class service, as room_service, first.",
            field="service_charge_bp",
        )


async def _used(scope: Scope) -> Used:
    rows = await scope.fetch(USED, scope.tenant_id)
    return Used({row["station"] for row in rows}, {row["category"] for row in rows})


def _dialled(phone: str) -> str:
    """A number of the house, which may be a single digit, or any other. Raises InvalidInput."""
    plain = unicodedata.normalize("NFKC", phone)
    return plain if plain.isascii() and plain.isdecimal() else phone_number(phone, "phone")


def _kept(row: asyncpg.Record) -> dict[str, Any]:
    return msgspec.json.decode(row["settings"], type=dict[str, Any])


def _shown(row: asyncpg.Record | None) -> HotelSettings:
    if row is None:
        raise NotFound("There is no such hotel.")
    kept = _kept(row)
    values = {"totp_roles": row["totp_roles"], "locale": row["locale"]}
    return msgspec.convert(values | {name: kept.get(name) for name in _KEPT}, HotelSettings)


def routes(gate: Gate, hosts: Hosts, database: Database) -> list[Endpoint]:
    async def hotel(request: Request) -> Hotel:
        slug = query(request, AskHotel).hotel
        place = await hosts.find(request.headers.get("host"), slug)
        if place is None:
            raise NotFound("There is no such hotel.", field=None if slug is None else "hotel")
        return Hotel(place.name, place.slug, place.locale)

    async def settings(_: Request, principal: Principal) -> HotelSettings:
        async with database.read(principal.tenant_id, principal.actor()) as scope:
            return _shown(await scope.fetchrow(SETTINGS, scope.tenant_id))

    async def set_settings(request: Request, principal: Principal) -> HotelSettings:
        return await change(database, principal, await gate.read(request, ChangeSettings))

    return [
        Endpoint(
            "GET",
            "/api/v1/hotel",
            hotel,
            Spec(
                name="readHotel",
                summary="The hotel that this address is of, or the one of a slug",
                tag="hotel",
                query=AskHotel,
                result=Hotel,
                errors=(NotFound,),
            ),
        ),
        Guarded(
            gate,
            Permission.STAFF_MANAGE,
            "GET",
            "/api/v1/hotel/settings",
            settings,
            Spec(name="readSettings", summary="What a manager may set", tag="hotel", result=HotelSettings),
        ),
        Guarded(
            gate,
            Permission.STAFF_MANAGE,
            "PATCH",
            "/api/v1/hotel/settings",
            set_settings,
            Spec(
                name="changeSettings",
                summary="Set it",
                tag="hotel",
                body=ChangeSettings,
                result=HotelSettings,
            ),
        ),
    ]
