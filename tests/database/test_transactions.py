"""A transaction that the database does not do now: repeated when that may help, and else refused soon."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import asyncpg
import pytest

import hub.db.pool
import hub.db.scope
from hub.db.database import ATTEMPTS, Database
from hub.db.ids import uuid7
from hub.db.pool import Role, connect, create_pool
from hub.db.scope import Actor, Claim
from hub.errors import InvalidInput, Unavailable

if TYPE_CHECKING:
    from hub.db.pool import Connection
    from hub.db.scope import Scope
    from hub.settings import Settings
    from tests.factories import Hotel

ACTOR = Actor(user_id=None, role="sign_in", request_id=uuid7())


@pytest.mark.parametrize(
    ("problem", "attempts"),
    [
        (asyncpg.DeadlockDetectedError("deadlock detected"), ATTEMPTS),
        (ConnectionResetError("the server went away"), ATTEMPTS),
        # it is busy: asked again at once it would be busier
        (TimeoutError("no answer"), 1),
        (asyncpg.QueryCanceledError("statement timeout"), 1),
        (asyncpg.LockNotAvailableError("lock timeout"), 1),
        (asyncpg.TransactionTimeoutError("terminating connection due to transaction timeout"), 1),
        (asyncpg.IdleInTransactionSessionTimeoutError("terminating connection due to idle-in-..."), 1),
    ],
)
async def test_what_may_help_is_repeated_and_a_busy_database_is_left_alone(
    database: Database, hotel: Hotel, problem: Exception, attempts: int
) -> None:
    tried = []

    async def work(_: Scope) -> None:
        tried.append(1)
        raise problem

    with pytest.raises(Unavailable):
        await database.transaction(hotel.tenant_id, ACTOR, work, idempotent=True)
    assert len(tried) == attempts


async def test_nobody_waits_for_a_connection_for_ever(
    settings: Settings, hotel: Hotel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub.db.scope, "_WAIT_SECONDS", 0.1)
    pool = await create_pool(settings, Role.API, 1)
    database = Database(pool)

    async def work(_: Scope) -> str:
        return "done"

    try:
        async with asyncio.timeout(5):
            async with pool.acquire():
                with pytest.raises(Unavailable):
                    await database.transaction(hotel.tenant_id, ACTOR, work, idempotent=True)
                with pytest.raises(Unavailable):
                    async with database.read(hotel.tenant_id, ACTOR):
                        pass
            # and the one that was waited for is not lost
            assert await database.transaction(hotel.tenant_id, ACTOR, work, idempotent=True) == "done"
    finally:
        pool.terminate()


async def test_an_answer_that_cannot_be_stored_takes_the_change_back(
    settings: Settings, hotel: Hotel, admin: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    """It comes along with the commit; and its connection serves the next one."""
    pool = await create_pool(settings, Role.API, 1)
    database = Database(pool)
    claim = Claim(hotel.kitchen_id, uuid7(), "test", bytes(32))

    async def work(scope: Scope) -> bool:
        assert scope.claimed
        scope.answer(claim, b"a NUL is no text for PostgreSQL: \0")
        return scope.claimed

    async def again(scope: Scope) -> bool:
        scope.answer(claim, "a guest's \u201cword\u201d; and a \\ too".encode())
        return scope.claimed

    try:
        with pytest.raises(InvalidInput):
            await database.transaction(hotel.tenant_id, ACTOR, work, idempotent=True, claim=claim)
        assert await database.transaction(hotel.tenant_id, ACTOR, again, idempotent=True, claim=claim)
    finally:
        pool.terminate()
    assert [record.message for record in caplog.records if record.levelname == "ERROR"] == []
    stored = await admin.fetchval("SELECT answer FROM app.idempotency WHERE op_id = $1", claim.op_id)
    assert stored == "a guest's \u201cword\u201d; and a \\ too"


async def test_every_role_that_serves_gives_up_soon_after_the_server_would(settings: Settings) -> None:
    """A line that swallows what is sent must not hold a task for ever; but the server says no first."""
    query = "SELECT extract(epoch FROM current_setting('statement_timeout')::interval)::float8"
    for role in (Role.API, Role.RELAY, Role.AUTH, Role.ADMIN):
        connection = await connect(settings, role)
        try:
            theirs = await connection.fetchval(query)
        finally:
            connection.terminate()
        assert 0 < theirs < hub.db.pool._PATIENCE.get(role, 0), role
