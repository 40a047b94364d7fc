"""Who works at a shared kitchen screen: chosen by name, proven by PIN, written beside whatever the screen
does."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING, Annotated, Final
from uuid import UUID

from msgspec import Meta, Struct

from hub.db.queries import load
from hub.devices.model import pin_lock
from hub.errors import Unauthorized
from hub.operations import Operation, Refused
from hub.security import events
from hub.security.permissions import GRANTABLE, ROLES, Permission

if TYPE_CHECKING:
    from hub.db.scope import Scope
    from hub.security.principal import Principal
    from hub.security.vault import Vault

_queries = load("fleet")
COOKS: Final = _queries["cooks"]
LOCK_COOK: Final = _queries["lock_cook"]
COUNT_PIN: Final = _queries["count_pin"]
SET_COOK: Final = _queries["set_cook"]

_COOK: Final = Permission.ORDER_COOK
_ROLES: Final = sorted(role for role, has in ROLES.items() if _COOK in has)
_GRANTED: Final = str(_COOK) if _COOK in GRANTABLE else None
_NOBODY: Final = bytes(32)


class ListCooks(Struct, frozen=True, forbid_unknown_fields=True):
    """Nothing to say."""


class LeaveScreen(Struct, frozen=True, forbid_unknown_fields=True):
    """Nothing to say."""


class SwitchCook(Struct, frozen=True, forbid_unknown_fields=True):
    """`pin` is what this person types."""

    staff_id: UUID
    pin: Annotated[str, Meta(min_length=1, max_length=20)]

    def __repr__(self) -> str:
        return f"SwitchCook(staff_id={self.staff_id!s})"


class Cook(Struct, frozen=True):
    id: UUID
    name: str


class Cooks(Struct, frozen=True):
    """Who may work here, by name, and who does."""

    cooks: list[Cook]
    current: Cook | None


class AtScreen(Struct, frozen=True):
    """Who works here now."""

    current: Cook | None


class CookCommands:
    """The commands, with the vault that knows the PINs."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    def operations(self) -> tuple[Operation, ...]:
        allowed = Permission.COOK_SWITCH
        return (
            Operation(
                name="cook.list", args=ListCooks, run=list_cooks, permission=allowed, writes=False, once=False
            ),
            Operation(name="cook.switch", args=SwitchCook, run=self.switch, permission=allowed, once=False),
            Operation(name="cook.leave", args=LeaveScreen, run=leave, permission=allowed, once=False),
        )

    async def switch(self, scope: Scope, principal: Principal, args: SwitchCook) -> AtScreen | Refused:
        """Work at this screen from now on.

        Refuses with Unauthorized, whatever is wrong; a wrong PIN is counted, and locks the PIN for a while
        that grows.
        """
        row = await scope.fetchrow(LOCK_COOK, scope.tenant_id, _ROLES, _GRANTED, args.staff_id)
        given = await self._vault.digest(scope, "pin", f"{args.staff_id}:{args.pin}")
        right = hmac.compare_digest(given, _NOBODY if row is None else row["pin_hash"])
        refused = Refused(Unauthorized("This PIN is wrong, or it is locked for a while.", field="pin"))
        if row is None:
            return refused
        locked_until = row["pin_locked_until"]
        if locked_until is not None and locked_until > scope.now:
            return refused
        if not right:
            failures = row["failed_pin_attempts"] + 1
            lock = pin_lock(failures)
            until = None if lock is None else scope.now + lock
            await scope.execute(COUNT_PIN, scope.tenant_id, args.staff_id, failures, until)
            await events.record(scope, "pin.failed", args.staff_id, {"device_id": principal.id})
            if lock is not None:
                seconds = int(lock.total_seconds())
                await events.record(scope, "pin.locked", args.staff_id, {"seconds": seconds})
            return refused
        if row["failed_pin_attempts"]:
            await scope.execute(COUNT_PIN, scope.tenant_id, args.staff_id, 0, None)
        await scope.execute(SET_COOK, scope.tenant_id, principal.id, args.staff_id)
        return AtScreen(Cook(row["id"], row["name"]))


async def list_cooks(scope: Scope, principal: Principal, _: ListCooks) -> Cooks:
    """Who may work at this screen, and who does."""
    rows = await scope.fetch(COOKS, scope.tenant_id, _ROLES, _GRANTED, principal.id)
    here = [Cook(row["id"], row["name"]) for row in rows if row["here"]]
    return Cooks([Cook(row["id"], row["name"]) for row in rows], here[0] if here else None)


async def leave(scope: Scope, principal: Principal, _: LeaveScreen) -> AtScreen:
    """Nobody works at this screen any more."""
    await scope.execute(SET_COOK, scope.tenant_id, principal.id, None)
    return AtScreen(None)
