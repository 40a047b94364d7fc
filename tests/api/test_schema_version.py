"""A hub does not serve on a database that lacks what it needs; one that is ahead of it is an update."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from hub.app import open_hub
from hub.errors import SettingError
from tests.conftest import clone, settings_for, superuser

if TYPE_CHECKING:
    from hub.embedded import Servers

LAST = "(SELECT max(version) FROM app.schema_migrations)"


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (f"DELETE FROM app.schema_migrations WHERE version = {LAST}", r"at version \d+, .* `hub migrate`"),
        ("DROP SCHEMA app CASCADE", "at version 0, .* `hub migrate`"),
    ],
)
async def test_a_database_that_lacks_something_is_told(
    servers: Servers, template: str, change: str, found: str
) -> None:
    async with clone(servers, template, "test_schema_version") as name:
        async with superuser(servers, name) as psql:
            await psql.execute(change)
        with pytest.raises(SettingError, match=found):
            async with open_hub(settings_for(servers, name)):
                pass


async def test_a_database_that_is_ahead_is_served(servers: Servers, template: str) -> None:
    async with clone(servers, template, "test_schema_version") as name:
        async with superuser(servers, name) as psql:
            await psql.execute(
                "INSERT INTO app.schema_migrations (version, name, sha256, duration_ms)"
                f" VALUES ({LAST} + 1, 'next', 'x', 1)"
            )
        async with asyncio.timeout(30), open_hub(settings_for(servers, name)) as hub:
            assert (await hub.health.readiness()).checks["database"]
