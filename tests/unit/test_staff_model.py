from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import msgspec
import pytest

from hub.errors import Forbidden, InvalidInput, Unauthorized
from hub.security.permissions import GRANTABLE, Permission, StaffRole, permissions_of
from hub.staff.model import (
    Account,
    Change,
    Locks,
    check_change,
    check_grant,
    check_pin,
    check_role,
    judge_refresh,
    leaves_top,
)
from hub.staff.tickets import Ticket

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def account(role: StaffRole = "front", **changes: object) -> Account:
    made = Account(
        id=uuid4(),
        name="Aiko",
        role=role,
        permissions=frozenset(),
        access_version=1,
        is_active=True,
        email_verified=True,
        password_hash="",
        failures=0,
        locked_until=None,
        totp=None,
        totp_enabled=False,
        totp_last_step=None,
        recovery_hashes=[],
        email="",
    )
    return msgspec.structs.replace(made, **changes)


def test_locks_double_up_to_the_longest() -> None:
    locks = Locks(5, 30 * SECOND, 3600 * SECOND)
    seconds = [None if lock is None else lock.total_seconds() for lock in map(locks.after, range(14))]
    assert seconds == [None] * 5 + [30, 60, 120, 240, 480, 960, 1920, 3600, 3600]
    assert locks.after(10**9) == 3600 * SECOND


def test_who_may_sign_in() -> None:
    assert account().may_sign_in(NOW)
    assert not account(is_active=False).may_sign_in(NOW)
    assert not account(email_verified=False).may_sign_in(NOW)
    assert not account(locked_until=NOW + SECOND).may_sign_in(NOW)
    assert account(locked_until=NOW).may_sign_in(NOW)


@pytest.mark.parametrize(
    ("used", "made", "verdict"),
    [
        (None, 0, "fresh"),
        (None, 100, "fresh"),
        (None, 101, "over"),
        (0, 500, "sibling"),
        (10, 500, "sibling"),
        (11, 500, "reused"),
        (500, 500, "reused"),
    ],
)
def test_what_a_refresh_token_is_worth(used: int | None, made: int, verdict: str) -> None:
    found = judge_refresh(
        used_at=None if used is None else NOW - used * SECOND,
        made_at=NOW - made * SECOND,
        now=NOW,
        grace=10 * SECOND,
        idle=100 * SECOND,
    )
    assert found == verdict


def test_super_admins_belong_to_no_hotel() -> None:
    check_role("super_admin", platform=True)
    check_role("manager", platform=False)
    with pytest.raises(InvalidInput):
        check_role("super_admin", platform=False)
    with pytest.raises(InvalidInput):
        check_role("manager", platform=True)


def test_what_can_be_given() -> None:
    check_grant(frozenset())
    check_grant(frozenset(GRANTABLE))
    for permission in set(Permission) - GRANTABLE:
        with pytest.raises(InvalidInput):
            check_grant(frozenset({permission.value}))


def test_what_cannot_be_given_counts_for_nothing() -> None:
    given = permissions_of("staff", "runner", frozenset({"staff.manage", "tenant.manage", "audit.read", "x"}))
    assert given == permissions_of("staff", "runner", frozenset()) | {Permission.AUDIT_READ}
    assert all(isinstance(permission, Permission) for permission in given)


def test_nobody_raises_oneself() -> None:
    for change in (
        Change(role="manager"),
        Change(role="kitchen"),
        Change(permissions=frozenset({"audit.read"})),
        Change(email="x"),
        Change(reset_second_factor=True),
    ):
        check_change(change, account(), own=False, platform=False)
        with pytest.raises(Forbidden):
            check_change(change, account(), own=True, platform=False)
    check_change(Change(role="front"), account("manager"), own=True, platform=False)


def test_whose_change_leaves_one_manager_fewer() -> None:
    manager = account("manager")
    assert not leaves_top(Change(), manager, platform=False)
    assert not leaves_top(Change(role="manager", is_active=True), manager, platform=False)
    for change in (Change(role="front"), Change(is_active=False), Change(email="x")):
        assert leaves_top(change, manager, platform=False)
        assert not leaves_top(change, account("front"), platform=False)
        assert not leaves_top(change, account("manager", is_active=False), platform=False)
    assert leaves_top(Change(is_active=False), account("super_admin"), platform=True)


@pytest.mark.parametrize("pin", ["4711", "1212", "80085", "13579135"])
def test_pins(pin: str) -> None:
    check_pin(pin)


@pytest.mark.parametrize("pin", ["1111", "1234", "87654321", "4711\n", "４７１１", "47 1"])
def test_pins_that_will_not_do(pin: str) -> None:
    with pytest.raises(InvalidInput):
        check_pin(pin)


def test_a_ticket_says_whose_it_is_and_hides_its_secret() -> None:
    ticket = Ticket.new(uuid4())
    assert Ticket.parse(ticket.encode(), field="code") == ticket
    assert ticket.secret not in repr(ticket)
    for text in ("", "x", "x.y", f"{ticket.encode()}.z", ticket.secret, "é" * 32 + ".x", "0" * 300):
        with pytest.raises(Unauthorized) as refused:
            Ticket.parse(text, field="code")
        assert refused.value.field == "code"
