"""Databases and files for tests of migrations."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from hub.db.migrate import Migration, read_migrations
from tests.conftest import clone, settings_for

if TYPE_CHECKING:
    from hub.embedded import Servers
    from hub.settings import Settings


@asynccontextmanager
async def empty(servers: Servers) -> AsyncIterator[Settings]:
    """A database in which nothing has been done."""
    async with clone(servers, "template1", "migrations") as name:
        yield settings_for(servers, name)


def add(files: Path, up: str, down: str = "SELECT 1;", *, name: str = "next") -> list[Migration]:
    stem = f"{len(read_migrations(files)) + 1:04}_{name}"
    (files / f"{stem}.up.sql").write_text(up, "utf-8")
    (files / f"{stem}.down.sql").write_text(down, "utf-8")
    return read_migrations(files)
