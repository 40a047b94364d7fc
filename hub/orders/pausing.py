"""The kitchen takes no orders for a while. A pause that has an end is over then by itself: whoever takes an
order reads it."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Final, TypeAlias

import msgspec
from msgspec import Meta, Struct

from hub.db.queries import load
from hub.db.scope import Scope
from hub.errors import Internal
from hub.menu.documents import Pause
from hub.operations import Operation
from hub.security.permissions import Permission
from hub.security.principal import Principal

_queries = load("orders")
LOCK_PAUSE: Final = _queries["lock_pause"]
SET_PAUSE: Final = _queries["set_pause"]

Message: TypeAlias = Annotated[str, Meta(min_length=1, max_length=200)]


class PauseArgs(Struct, frozen=True, forbid_unknown_fields=True):
    """Orders are taken again after so many `minutes`; null: when somebody resumes. Guests read the message of
    their language."""

    minutes: Annotated[int, Meta(ge=1, le=1440)] | None = None
    message_ja: Message | None = None
    message_en: Message | None = None


class ResumeArgs(Struct, frozen=True, forbid_unknown_fields=True):
    pass


class PauseReply(Struct, frozen=True):
    pause: Pause | None


async def pause(scope: Scope, _: Principal, args: PauseArgs) -> PauseReply:
    """Take no orders; another end or other messages for a pause that goes on already."""
    going_on = await _going_on(scope)
    wanted = Pause(
        since=scope.now if going_on is None else going_on.since,
        until=None if args.minutes is None else scope.now + timedelta(minutes=args.minutes),
        message_ja=args.message_ja,
        message_en=args.message_en,
    )
    await scope.execute(SET_PAUSE, scope.tenant_id, msgspec.json.encode(wanted).decode())
    return PauseReply(pause=wanted)


async def resume(scope: Scope, _: Principal, __: ResumeArgs) -> PauseReply:
    """Take orders again."""
    await _going_on(scope)
    await scope.execute(SET_PAUSE, scope.tenant_id, None)
    return PauseReply(pause=None)


async def _going_on(scope: Scope) -> Pause | None:
    """The pause of this moment; nobody else sets it before this transaction ends."""
    row = await scope.fetchrow(LOCK_PAUSE, scope.tenant_id)
    if row is None:
        raise Internal("the transaction's tenant does not exist")
    if row["pause"] is None:
        return None
    last = msgspec.json.decode(row["pause"], type=Pause)
    return last if last.until is None or scope.now < last.until else None


OPERATIONS: tuple[Operation, ...] = (
    Operation(name="kitchen.pause", args=PauseArgs, run=pause, permission=Permission.ORDER_COOK),
    Operation(name="kitchen.resume", args=ResumeArgs, run=resume, permission=Permission.ORDER_COOK),
)
