"""What the platform agrees on with a hotel, and how a hotel is opened and closed. Pure."""

from __future__ import annotations

import re
from datetime import date, datetime, time
from typing import Annotated, Final, Literal, TypeAlias
from uuid import UUID
from zoneinfo import available_timezones

from msgspec import UNSET, Meta, Struct, UnsetType
from msgspec.structs import replace

from hub.errors import InvalidInput, InvalidTransition
from hub.security.words import canonical_email, phone_number, plain_text

# Names of addresses that are, or may come to be, the platform's own.
RESERVED: Final = frozenset(
    {
        "account", "accounts", "admin", "api", "app", "apps", "assets", "auth", "blog", "cdn", "dashboard",
        "dev", "docs", "files", "ftp", "help", "hub", "imap", "kitchen", "localhost", "login", "mail",
        "media", "metrics", "monitor", "mx", "ns", "ns1", "ns2", "platform", "pop", "postmaster", "root",
        "smtp", "staff", "staging", "static", "status", "support", "system", "tablet", "test", "webmail",
        "ws", "www",
    }
)  # fmt: skip
MOST_TENANTS: Final = 100
NAME_LENGTH: Final = 200
ADDRESS_LENGTH: Final = 500
_SLUG: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_LABEL: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_LONGEST_DOMAIN: Final = 253
_MOST_FEATURES: Final = 50

Status: TypeAlias = Literal["active", "suspended", "ended"]
State: TypeAlias = Literal["active", "suspended", "ended", "not_started", "expired"]
Slug: TypeAlias = Annotated[str, Meta(min_length=1, max_length=63, pattern="^[a-z0-9]([a-z0-9-]*[a-z0-9])?$")]
Name: TypeAlias = Annotated[str, Meta(min_length=1, max_length=NAME_LENGTH)]
Domain: TypeAlias = Annotated[str, Meta(min_length=3, max_length=_LONGEST_DOMAIN)]
Address: TypeAlias = Annotated[str, Meta(max_length=ADDRESS_LENGTH)]
Count: TypeAlias = Annotated[int, Meta(ge=1, le=2**31 - 1)]
Bytes: TypeAlias = Annotated[int, Meta(ge=1, le=2**53)]
Zone: TypeAlias = Annotated[str, Meta(min_length=1, max_length=64)]
Plan: TypeAlias = Literal["basic", "standard", "premium"]
Feature: TypeAlias = bool | Annotated[int, Meta(ge=0, le=2**53)]
Features: TypeAlias = dict[Annotated[str, Meta(pattern="^[a-z][a-z0-9_]{0,49}$")], Feature]
Cycle: TypeAlias = Literal["monthly", "yearly"]
Rounding: TypeAlias = Literal["floor", "round", "ceil"]
Locale: TypeAlias = Literal["ja", "en"]
Email: TypeAlias = Annotated[str, Meta(min_length=3, max_length=254)]
Phone: TypeAlias = Annotated[str, Meta(min_length=3, max_length=30)]
Reason: TypeAlias = Annotated[str, Meta(min_length=1, max_length=200)]


class Terms(Struct, frozen=True, kw_only=True):
    """What is agreed on. Limits: rooms with a tablet, people, bytes of pictures."""

    name: str
    domain: str | None = None
    plan_type: Plan = "basic"
    plan_features: Features = {}
    billing_cycle: Cycle = "monthly"
    room_limit: int = 50
    user_limit: int = 5
    storage_limit: int = 2**30
    address: str | None = None
    contact_name: str | None = None
    contract_start: date | None = None
    contract_end: date | None = None
    time_zone: str = "Asia/Tokyo"
    locale: Locale = "ja"
    prices_include_tax: bool = True
    tax_rounding: Rounding = "floor"
    business_day_cutover: time = time(5)


class ChangeTenant(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is left out stays as it is; null takes away what may be missing. Dates are those of the hotel's
    calendar, both included; `time_zone` is a name of the IANA database."""

    name: Name | UnsetType = UNSET
    domain: Domain | UnsetType | None = UNSET
    plan_type: Plan | UnsetType = UNSET
    plan_features: Features | UnsetType = UNSET
    billing_cycle: Cycle | UnsetType = UNSET
    room_limit: Count | UnsetType = UNSET
    user_limit: Count | UnsetType = UNSET
    storage_limit: Bytes | UnsetType = UNSET
    address: Address | UnsetType | None = UNSET
    contact_name: Name | UnsetType | None = UNSET
    contact_email: Email | UnsetType | None = UNSET
    contact_phone: Phone | UnsetType | None = UNSET
    contract_start: date | UnsetType | None = UNSET
    contract_end: date | UnsetType | None = UNSET
    time_zone: Zone | UnsetType = UNSET
    locale: Locale | UnsetType = UNSET
    prices_include_tax: bool | UnsetType = UNSET
    tax_rounding: Rounding | UnsetType = UNSET
    business_day_cutover: time | UnsetType = UNSET

    def __repr__(self) -> str:
        return "ChangeTenant()"


class FirstManager(Struct, frozen=True, forbid_unknown_fields=True):
    """Gets a letter to choose a password."""

    name: Name
    email: Email

    def __repr__(self) -> str:
        return "FirstManager()"


class CreateTenant(ChangeTenant, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A new hotel; what is left out is as usual. `slug` is its name in addresses, and stays."""

    slug: Slug
    name: Name
    manager: FirstManager | None = None

    def __repr__(self) -> str:
        return f"CreateTenant(slug={self.slug!r})"


class Suspend(Struct, frozen=True, forbid_unknown_fields=True):
    """`reason` is shown on the hotel's screens."""

    reason: Reason


class End(Struct, frozen=True, forbid_unknown_fields=True):
    """`confirm_slug` repeats the slug of the hotel that ends."""

    confirm_slug: Annotated[str, Meta(max_length=63)]


class Usage(Struct, frozen=True):
    """What a hotel uses of its limits: rooms with a tablet, people, bytes of pictures."""

    rooms: int
    users: int
    storage: int


class Tenant(Terms, frozen=True, kw_only=True):
    """A hotel. `status` is what the platform has set; `state` also looks at the contract's dates, and only
    an active one is served."""

    id: UUID
    slug: str
    status: Status
    status_reason: str | None
    state: State
    contact_email: str | None
    contact_phone: str | None
    created_at: datetime
    usage: Usage


class TenantSummary(Struct, frozen=True):
    """A line of the list."""

    id: UUID
    slug: str
    name: str
    domain: str | None
    plan_type: Plan
    status: Status
    status_reason: str | None
    state: State
    room_limit: int
    user_limit: int
    storage_limit: int
    contract_start: date | None
    contract_end: date | None
    created_at: datetime


class OneTenant(Struct, frozen=True):
    tenant: Tenant


class CreatedTenant(Struct, frozen=True):
    """`letter_sent`: the first manager will get a letter."""

    tenant: Tenant
    letter_sent: bool


class Tenants(Struct, frozen=True):
    """A page, by slug. `next` is the `after` of the next one, null on the last."""

    tenants: list[TenantSummary]
    next: str | None


def check_slug(slug: str) -> str:
    """Raises InvalidInput for what is no label of an address, or one that the platform keeps."""
    if not _SLUG.fullmatch(slug) or slug.startswith("xn--"):
        raise InvalidInput("A slug has 1 to 63 of a-z, 0-9 and -, no - at its ends.", field="slug")
    if slug in RESERVED:
        raise InvalidInput("This slug is reserved; choose another one.", field="slug")
    return slug


def check_domain(domain: str, base_domain: str | None) -> str:
    """A hotel's own host name, in lower case. Raises InvalidInput, also for one under the platform's own:
    it would catch what is meant for another hotel."""
    name = domain.lower().removesuffix(".")
    labels = name.split(".")
    fine = len(labels) > 1 and all(_LABEL.fullmatch(label) for label in labels) and not labels[-1].isdigit()
    if not fine or len(name) > _LONGEST_DOMAIN:
        raise InvalidInput("A domain is a host name, as in hotel.example.com.", field="domain")
    if base_domain is not None and (name == base_domain or name.endswith(f".{base_domain}")):
        raise InvalidInput(
            "This domain belongs to the platform; the slug names the hotel there.", field="domain"
        )
    return name


def agreed(terms: Terms, change: ChangeTenant, base_domain: str | None) -> Terms:
    """The terms after a change. Raises InvalidInput naming the field."""
    given = {name: value for name in Terms.__struct_fields__ if (value := getattr(change, name)) is not UNSET}
    if isinstance(name := given.get("name"), str):
        given["name"] = plain_text(name, "name", NAME_LENGTH)
    if isinstance(domain := given.get("domain"), str):
        given["domain"] = check_domain(domain, base_domain)
    if isinstance(address := given.get("address"), str):
        given["address"] = plain_text(address, "address", ADDRESS_LENGTH, empty=True) or None
    if isinstance(contact := given.get("contact_name"), str):
        given["contact_name"] = plain_text(contact, "contact_name", NAME_LENGTH)
    if len(given.get("plan_features", ())) > _MOST_FEATURES:
        raise InvalidInput(f"A plan has at most {_MOST_FEATURES} features.", field="plan_features")
    if "time_zone" in given and given["time_zone"] not in available_timezones():
        raise InvalidInput("There is no such time zone; write one as in Asia/Tokyo.", field="time_zone")
    cutover = given.get("business_day_cutover")
    if isinstance(cutover, time) and cutover.tzinfo is not None:
        raise InvalidInput(
            "This is a time of the hotel's own clock; leave the offset out.", field="business_day_cutover"
        )
    after = replace(terms, **given)
    if after.contract_start and after.contract_end and after.contract_end < after.contract_start:
        raise InvalidInput("The contract would end before it starts.", field="contract_end")
    return after


def address(text: str, field: str) -> str:
    """An e-mail address in its one form. Raises InvalidInput."""
    try:
        return canonical_email(text)
    except InvalidInput as error:
        raise InvalidInput(error.message, field=field) from None


def contact(change: ChangeTenant) -> tuple[str | UnsetType | None, str | UnsetType | None]:
    """E-mail address and phone number in their one form. Raises InvalidInput naming the field."""
    email, phone = change.contact_email, change.contact_phone
    if isinstance(email, str):
        email = address(email, "contact_email")
    if isinstance(phone, str):
        phone = phone_number(phone, "contact_phone")
    return email, phone


def step(status: Status, to: Status) -> None:
    """Raises InvalidTransition: a hotel that has ended stays so, and one that is active cannot be resumed."""
    steps: dict[Status, tuple[Status, ...]] = {
        "active": ("suspended", "ended"),
        "suspended": ("active", "suspended", "ended"),
        "ended": (),
    }
    if to not in steps[status]:
        raise InvalidTransition(f"This hotel is {status}.", expected=list(steps[status]), got=to)
