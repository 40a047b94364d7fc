"""What staff send and get over HTTP."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, TypeAlias
from uuid import UUID

from msgspec import UNSET, Meta, Struct, UnsetType

from hub.security.permissions import StaffRole
from hub.staff.model import SecondFactor

Email: TypeAlias = Annotated[str, Meta(min_length=3, max_length=1016, description="an e-mail address")]
Password: TypeAlias = Annotated[str, Meta(min_length=1, max_length=1024)]
Factor: TypeAlias = Annotated[str, Meta(min_length=6, max_length=100)]
Ticket: TypeAlias = Annotated[str, Meta(min_length=1, max_length=200)]
Slug: TypeAlias = Annotated[str, Meta(pattern=r"^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$")]
Name: TypeAlias = Annotated[str, Meta(min_length=1, max_length=800)]
Permissions: TypeAlias = Annotated[list[Annotated[str, Meta(max_length=50)]], Meta(max_length=50)]


class SignInRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """`hotel` is its short name, where the address does not say which one; `code` is that of the second
    factor, or a recovery code."""

    email: Email
    password: Password
    hotel: Slug | None = None
    code: Factor | None = None


class RefreshRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """Without `refresh_token`, the cookie counts."""

    refresh_token: Ticket | None = None


class PasswordChange(Struct, frozen=True, forbid_unknown_fields=True):
    old: Password
    new: Password


class PasswordForgotten(Struct, frozen=True, forbid_unknown_fields=True):
    email: Email
    hotel: Slug | None = None


class PasswordReset(Struct, frozen=True, forbid_unknown_fields=True):
    code: Ticket
    password: Password


class EmailProof(Struct, frozen=True, forbid_unknown_fields=True):
    code: Ticket


class TotpProof(Struct, frozen=True, forbid_unknown_fields=True):
    """With the password: whoever finds a tablet signed in must not lock its owner out."""

    password: Password
    code: Factor


class TotpEnd(Struct, frozen=True, forbid_unknown_fields=True):
    password: Password
    code: Factor


class NewPin(Struct, frozen=True, forbid_unknown_fields=True):
    pin: Annotated[str, Meta(pattern=r"^[0-9]{4,8}$")]
    password: Password


class NewPerson(Struct, frozen=True, forbid_unknown_fields=True):
    """`permissions` are those besides the role's."""

    name: Name
    email: Email
    role: StaffRole
    permissions: Permissions = []


class PersonChange(Struct, frozen=True, forbid_unknown_fields=True):
    """What is not there stays as it is. A new `email` must be proven before the next sign-in."""

    name: Name | UnsetType = UNSET
    email: Email | UnsetType = UNSET
    role: StaffRole | UnsetType = UNSET
    permissions: Permissions | UnsetType = UNSET
    is_active: bool | UnsetType = UNSET
    reset_second_factor: bool = False


class MyHotel(Struct, frozen=True):
    """The hotel that one works for."""

    id: UUID
    name: str
    slug: str


class Me(Struct, frozen=True):
    """Who has signed in. `second_factor` required: until it is set up, `permissions` is self alone."""

    id: UUID
    name: str
    role: StaffRole
    permissions: list[str]
    hotel: MyHotel
    second_factor: SecondFactor


class SignedIn(Struct, frozen=True):
    """The access token is good until `expires_at`, the refresh token for one renewal. With the header
    `X-Hub-Client: browser` both come as cookies alone."""

    csrf: str
    expires_at: datetime
    me: Me
    access_token: str | UnsetType = UNSET
    refresh_token: str | UnsetType = UNSET


class CurrentSession(Struct, frozen=True):
    """The access token is good until `expires_at`."""

    csrf: str
    expires_at: datetime
    me: Me


class SessionInfo(Struct, frozen=True):
    """A sign-in that is good; `current` is the one that asks."""

    id: UUID
    created_at: datetime
    expires_at: datetime
    ip: str | None
    user_agent: str | None
    second_factor: bool
    current: bool


class SessionList(Struct, frozen=True):
    """Newest first."""

    sessions: list[SessionInfo]


class Done(Struct, frozen=True):
    """It is done."""


class ResetAccepted(Struct, frozen=True):
    """If there is such an account, a letter is on its way to it."""


class TotpSecret(Struct, frozen=True):
    """For an app: `uri` as a QR code (`qr`, rows of 0 and 1), or `secret` typed in. It counts when it is
    confirmed."""

    secret: str
    uri: str
    qr: list[str]


class RecoveryCodes(Struct, frozen=True):
    """Shown here only; each is good once, in place of a code of the app."""

    recovery_codes: list[str]


class Person(Struct, frozen=True):
    """A member of staff as managers see one. `email` is null when it cannot be opened; a new one puts that
    right."""

    id: UUID
    name: str
    email: str | None
    role: StaffRole
    permissions: list[str]
    is_active: bool
    email_verified: bool
    second_factor: bool
    has_pin: bool
    locked_until: datetime | None
    last_login_at: datetime | None
    created_at: datetime


class People(Struct, frozen=True):
    """By name."""

    people: list[Person]


class PersonReply(Struct, frozen=True):
    """`letter` says whether one has gone out, with the link that the person needs now."""

    person: Person
    letter: bool
