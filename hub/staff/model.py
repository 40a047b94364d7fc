"""The rules of sign-ins and people. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final, Literal, TypeAlias
from uuid import UUID

from msgspec import UNSET, Struct, UnsetType

from hub.errors import Forbidden, InvalidInput
from hub.security.permissions import GRANTABLE, StaffRole, permissions_of

SecondFactor: TypeAlias = Literal["off", "on", "required"]
EndReason: TypeAlias = Literal["signed_out", "revoked", "reused", "password_changed", "dismissed"]
# Doubling a lock more often than this only makes a number too large for a date.
_DOUBLINGS: Final = 20


class Locks(Struct, frozen=True):
    """After `attempts` failures in a row an account is locked for `first`; each further one doubles it, up to
    `longest`."""

    attempts: int
    first: timedelta
    longest: timedelta

    def after(self, failures: int) -> timedelta | None:
        """How long an account is locked after its `failures`-th failure in a row; None: not at all."""
        over = failures - self.attempts
        if over < 0:
            return None
        return min(self.first * (1 << min(over, _DOUBLINGS)), self.longest)


class Account(Struct, frozen=True):
    """What a sign-in looks at. `totp` is sealed."""

    id: UUID
    name: str
    role: StaffRole
    permissions: frozenset[str]
    access_version: int
    is_active: bool
    email_verified: bool
    password_hash: str
    failures: int
    locked_until: datetime | None
    totp: str | None
    totp_enabled: bool
    totp_last_step: int | None
    recovery_hashes: list[bytes]
    email: str

    def locked(self, now: datetime) -> bool:
        return self.locked_until is not None and self.locked_until > now

    def may_sign_in(self, now: datetime) -> bool:
        return self.is_active and self.email_verified and not self.locked(now)


class Session(Struct, frozen=True):
    """A sign-in, with what its person may do now. `required` says that the role needs a second factor."""

    id: UUID
    staff_id: UUID
    second_factor: bool
    expires_at: datetime
    ended: bool
    name: str
    role: StaffRole
    permissions: frozenset[str]
    access_version: int
    employed: bool
    totp_enabled: bool
    required: bool
    hotel_name: str
    hotel_slug: str
    hotel_state: str

    @property
    def limited(self) -> bool:
        return self.required and not self.second_factor

    @property
    def factor(self) -> SecondFactor:
        if self.limited:
            return "required"
        return "on" if self.totp_enabled else "off"

    def good(self, now: datetime) -> bool:
        return self.employed and not self.ended and self.expires_at > now


RefreshVerdict: TypeAlias = Literal["fresh", "sibling", "reused", "over"]


def judge_refresh(
    *, used_at: datetime | None, made_at: datetime, now: datetime, grace: timedelta, idle: timedelta
) -> RefreshVerdict:
    """What a refresh token is worth: a successor, one more of them, the end of its session, or nothing.

    One that was used moments ago is good for a sibling: the answer was lost on the way, or two tabs asked at
    once, and to end their session would punish a bad line. The first sibling in use makes the others used
    ones, so a thief who was quick enough is found out with the next renewal.
    """
    if used_at is not None:
        return "sibling" if now - used_at <= grace else "reused"
    return "over" if now - made_at > idle else "fresh"


class Change(Struct, frozen=True):
    """What shall become of a person; what is UNSET stays."""

    role: StaffRole | UnsetType = UNSET
    permissions: frozenset[str] | UnsetType = UNSET
    is_active: bool | UnsetType = UNSET
    email: str | UnsetType = UNSET
    reset_second_factor: bool = False


def top_role(platform: bool) -> StaffRole:
    """Of those who have it, one must always be left: they manage the others."""
    return "super_admin" if platform else "manager"


def check_role(role: StaffRole, *, platform: bool) -> None:
    """Super-admins belong to no hotel, and nobody else belongs to the platform. Raises InvalidInput."""
    if (role == "super_admin") != platform:
        where = "on the platform" if platform else "in a hotel"
        raise InvalidInput(f"There is no {role.replace('_', ' ')} {where}.", field="role")


def check_grant(permissions: frozenset[str]) -> None:
    """Raises InvalidInput for permissions that nobody can give."""
    known = {permission.value for permission in GRANTABLE}
    if unknown := sorted(permissions - known):
        raise InvalidInput(f"This cannot be given: {unknown[0]}.", field="permissions")


def check_change(change: Change, target: Account, *, own: bool, platform: bool) -> None:
    """Whether somebody who manages people may change `target` so. Raises InvalidInput, and Forbidden for what
    nobody does to oneself."""
    role = target.role if change.role is UNSET else change.role
    extra = target.permissions if change.permissions is UNSET else change.permissions
    check_role(role, platform=platform)
    if change.permissions is not UNSET:
        check_grant(change.permissions)
    if not own:
        return
    if not permissions_of("staff", role, extra) <= permissions_of("staff", target.role, target.permissions):
        raise Forbidden("Nobody raises oneself; ask a colleague.", field="permissions")
    if change.email is not UNSET or change.reset_second_factor:
        what = "reset_second_factor" if change.reset_second_factor else "email"
        raise Forbidden("Nobody changes this for oneself; ask a colleague.", field=what)


def leaves_top(change: Change, target: Account, *, platform: bool) -> bool:
    """Whether after the change there is one fewer of those who manage the others."""
    top = top_role(platform)
    if target.role != top or not target.is_active:
        return False
    return change.role not in (UNSET, top) or change.is_active is False or change.email is not UNSET


def check_pin(pin: str) -> None:
    """Raises InvalidInput for a PIN that everybody tries first."""
    if not pin.isascii() or not pin.isdecimal():  # a pattern lets a line feed at the end pass
        raise InvalidInput("A PIN has 4 to 8 digits.", field="pin")
    steps = {ord(after) - ord(before) for before, after in pairwise(pin)}
    if len(steps) == 1 and steps <= {-1, 0, 1}:
        raise InvalidInput("This PIN is too easy; choose another one.", field="pin")
