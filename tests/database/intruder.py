"""What hub_api gets done in the scope of one hotel, with what it knows of another one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import asyncpg
from msgspec import Struct

from tests.database.strangers import Two, fingerprint

if TYPE_CHECKING:
    from hub.db.pool import Connection


class Outcome(Struct, frozen=True):
    """What a statement came to: its rows as text, its error with the name of its type, or its tag."""

    rows: str
    error: str
    status: str

    @property
    def short(self) -> str:
        """The tag, or the name of the error alone."""
        return self.error.partition(":")[0] or self.status


async def attempt(
    intruder: Connection,
    two: Two,
    statement: str,
    values: list[object],
    before: dict[str, str] | None = None,
) -> Outcome:
    """Run it in our scope and undo it; asserts that nothing of theirs has changed meanwhile, or since the
    fingerprint `before`.

    `intruder` is a superuser who becomes hub_api for the statement alone, so that its effect is seen before
    its end.
    """
    if before is None:
        before = await fingerprint(intruder, two)
    transaction = intruder.transaction()
    await transaction.start()
    rows = error = status = ""
    try:
        await intruder.execute(
            f"SET LOCAL ROLE hub_api; SET LOCAL app.current_tenant_id = '{two.ours.tenant_id}'"
        )
        try:
            async with intruder.transaction():
                prepared = await intruder.prepare(statement)
                rows = str(await prepared.fetch(*values))
                status = prepared.get_statusmsg() or ""
                await intruder.execute("SET CONSTRAINTS ALL IMMEDIATE")
        except asyncpg.PostgresError as refused:
            error = f"{type(refused).__name__}: {refused}"
        await intruder.execute("RESET ROLE")
        assert await fingerprint(intruder, two) == before, statement
    finally:
        await transaction.rollback()
    return Outcome(rows, error, status)


def says_nothing(two: Two, outcome: Outcome, nothing: Outcome) -> None:
    """Asserts that what was tried with their ids came to the same as with ids that exist nowhere."""
    assert two.to_nobody(outcome.error) == nothing.error
    assert (outcome.rows, outcome.status) == (nothing.rows, nothing.status)
    assert not [value for value in two.all_ids() if str(value) in outcome.rows]
