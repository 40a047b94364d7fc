"""What the hub starts by itself where nobody has given it servers."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import asyncpg
import pytest

from hub.errors import SettingError
from hub.laptop import start_missing

if TYPE_CHECKING:
    from pathlib import Path


async def changed(url: str) -> None:
    """The database of a hub whose first migration was another one."""
    connection = await asyncpg.connect(url)
    await connection.execute("UPDATE app.schema_migrations SET sha256 = sha256('another') WHERE version = 1")
    await connection.close()


def test_a_database_of_another_version_says_how_to_start_over(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HUB_HOME", str(home))
    environ: dict[str, str] = {}
    said: list[str] = []
    with start_missing(environ, say=said.append):
        asyncio.run(changed(environ["HUB_DATABASE_URL"]))
    way_out = r"0001 .* was changed .* `hub demo --fresh` deletes it"
    with pytest.raises(SettingError, match=way_out), start_missing({}, say=said.append):
        pass
    with pytest.raises(SettingError) as mistyped, start_missing({"HUB_PRT": "1"}, say=said.append):
        pass
    assert "--fresh" not in mistyped.value.message
    with start_missing({}, say=said.append, fresh=True):
        pass
    assert any("PostgreSQL" in line for line in said)
