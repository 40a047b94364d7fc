"""Clocks: tokens, stays and sign-ins end by the hub's clock and by the database's."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Final

from hub.db.queries import load
from hub.ops.doctor.finding import Finding, error, ok

if TYPE_CHECKING:
    from hub.db.pool import Connection

MOMENT: Final = load("doctor")["moment"]
_SECONDS: Final = 2.0


def compare(whose: str, before: datetime, theirs: datetime, after: datetime) -> Finding:
    """`theirs` was read between two moments of the hub's clock."""
    apart = (theirs - (before + (after - before) / 2)).total_seconds()
    if abs(apart) > _SECONDS:
        how = "ahead of" if apart > 0 else "behind"
        return error(
            "clocks",
            f"the clock of {whose} is {abs(apart):.1f} s {how} the hub's",
            "run a time service on every machine",
        )
    return ok("clocks", f"{whose} and the hub are {abs(apart):.2f} s apart")


async def database(connection: Connection, clock: Callable[[], datetime]) -> Finding:
    """The clock of PostgreSQL."""
    before = clock()
    theirs = await connection.fetchval(MOMENT.text)
    return compare("PostgreSQL", before, theirs, clock())
