"""Where a rehearsal plays: its own hub beside those of somebody's database, and the address for screens."""

from __future__ import annotations

import asyncio
import io
import re
import socket
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace
from rich.console import Console

from hub.drive.client import Address
from hub.errors import InvalidInput, SettingError
from hub.log.store import BECOME_RELAY
from hub.rehearse import place, source
from hub.rehearse.script import Line, Ordered, write
from tests.realtime.conftest import running
from tests.rehearse.commands import environ, house, rehearse, until, use

if TYPE_CHECKING:
    from pathlib import Path

    from hub.db.pool import Connection
    from hub.settings import Settings


def evening(folder: Path) -> Path:
    """An order at once, and one that nobody waits for."""
    orders = [Ordered(at, 1, [Line("soup-onion", 1)]) for at in (0.0, 3000.0)]
    path = folder / "evening.json"
    write(path, replace(source.demo(), hotel="beside", orders=orders))
    return path


async def test_its_own_hub_never_leads_in_somebodys_database(
    settings: Settings, admin: Connection, tmp_path: Path
) -> None:
    """Nobody leads here: a candidate would have begun at once, with the settings of this shell."""
    arguments = ("--from", str(evening(tmp_path)), "--speed", "1", "--by-hand")
    async with rehearse(settings, *arguments) as process, house(process) as kitchen:
        await until(kitchen, lambda: len(kitchen.documents.get("order", {})) == 1)
        assert await admin.fetchval(BECOME_RELAY.text), "the place of the relay is free"
        await admin.execute("SELECT pg_advisory_unlock_all()")


async def test_where_screens_hear_late_it_is_said(settings: Settings) -> None:
    """With nobody who leads it compares positions, as nodes without a broker do."""
    alone = environ(settings)
    assert (await place.unheard(alone, settings)).startswith(
        "No hub leads in this database: screens hear of a change up to 0.25 s after its commit, and nobody"
    )
    assert "HUB_REDIS_URL" not in alone
    async with running(settings):
        beside = environ(settings)
        assert await place.unheard(beside, settings) == ""
        assert beside["HUB_REDIS_URL"] == settings.redis_url
        assert (await place.unheard(beside, replace(settings, redis_url=None))).startswith(
            "HUB_REDIS_URL is not set: screens hear of a change up to 0.25 s"
        )


async def test_beside_a_service_it_takes_none_of_its_addresses(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(settings, monkeypatch)
    said = io.StringIO()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        for name in ("HUB_PORT", "HUB_METRICS_PORT"):
            monkeypatch.setenv(name, str(taken.getsockname()[1]))
        monkeypatch.setenv("HUB_HOST", "0.0.0.0")
        monkeypatch.setenv("HUB_TLS_KEY_FILE", "/run/secrets/key")

        def serve() -> str:
            with place.serving(None, None, None, Console(file=said, width=400), own=True) as found:
                return found.base

        base = await asyncio.to_thread(serve)
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+", base)
    assert said.getvalue().startswith("No hub leads in this database")


async def test_an_address_that_no_screen_can_open_is_refused(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(settings, monkeypatch)

    def serve() -> None:
        with place.serving(None, "0.0.0.0", 0, Console(file=io.StringIO()), own=True):
            pass

    with pytest.raises(SettingError, match=r"no screen can open it: give --host the one"):
        await asyncio.to_thread(serve)


def test_addresses_are_written_as_browsers_read_them() -> None:
    assert place.base_of(Address("192.168.1.5", 80)) == "http://192.168.1.5:80"
    assert place.base_of(Address("fe80::1", 8080)) == "http://[fe80::1]:8080"
    with pytest.raises(SettingError, match="every address"):
        place.base_of(Address("::", 8080))


def test_the_address_of_a_hub() -> None:
    assert (place.address("https://hub.example").port, place.address("https://hub.example/").secure) == (
        443,
        True,
    )
    assert (place.address("http://[::1]:81").host, place.address("http://[::1]:81").port) == ("::1", 81)
    for wrong in ("hub.example", "ftp://hub.example", "http://hub.example/menu", "http://a:b", "http://u@h"):
        with pytest.raises(InvalidInput, match="is not http://HOST"):
            place.address(wrong)
