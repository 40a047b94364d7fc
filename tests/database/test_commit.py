"""A job that gives up its commit leaves no dead connections to the others."""

from __future__ import annotations

from typing import TYPE_CHECKING

import asyncpg
import pytest

from hub.db import commit as commits
from hub.db.commit import write
from hub.db.pool import Role, create_pool
from hub.db.queries import Query

if TYPE_CHECKING:
    from hub.settings import Settings

WHO = "SELECT pg_backend_pid()"
LONG = Query(name="test.long", text="SELECT pg_sleep(2)", writes=True, replica=False)


async def test_who_waits_in_vain_spares_others_that(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commits, "COMMIT_SECONDS", 0.1)
    pool = await create_pool(settings, Role.RELAY, 2)
    try:
        async with pool.acquire() as one, pool.acquire() as other:
            before = {await one.fetchval(WHO), await other.fetchval(WHO)}
        with pytest.raises(asyncpg.ConnectionDoesNotExistError):
            await write(pool, LONG)
        async with pool.acquire() as one, pool.acquire() as other:
            after = {await one.fetchval(WHO), await other.fetchval(WHO)}
        assert len(before | after) == 4
    finally:
        pool.terminate()
