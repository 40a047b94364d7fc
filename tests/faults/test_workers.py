"""Several processes on one port: shared connections, a polite end, and deaths."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

import pytest

from tests.faults.fleet import Fleet, Member, connections
from tests.faults.watch import said_goodbye, screen, soup
from tests.realtime.conftest import head
from tests.realtime.screens import DEADLINE, Screen

if TYPE_CHECKING:
    from hub.db.pool import Connection
    from hub.settings import Settings
    from tests.factories import Hotel

pytestmark = pytest.mark.faults


@pytest.fixture
def team(settings: Settings) -> Iterator[Member]:
    """A supervisor with two workers."""
    with Fleet(settings, 1, HUB_WORKERS="2") as fleet:
        yield fleet.members[0]


async def workers(admin: Connection) -> set[int]:
    """The processes that have a connection of hub_api."""
    rows = await admin.fetch(
        "SELECT DISTINCT application_name FROM pg_stat_activity"
        " WHERE datname = current_database() AND usename = 'hub_api'"
    )
    return {int(row["application_name"].rpartition(" ")[2]) for row in rows}


async def until_workers(admin: Connection, wanted: Callable[[set[int]], bool]) -> set[int]:
    async with asyncio.timeout(30):
        while not wanted(found := await workers(admin)):  # noqa: ASYNC110 - it is over there
            await asyncio.sleep(0.05)
    return found


async def test_both_workers_get_connections_and_leave_politely(
    team: Member, hotel: Hotel, admin: Connection
) -> None:
    pids = await until_workers(admin, lambda found: len(found) == 2)
    guests: list[Screen] = []
    try:
        # One that has its connections to PostgreSQL already may still be about to begin to listen.
        found: dict[int, int] = {}
        for one in await hotel.more_kitchens(admin, 400):
            guests.append(Screen(one, lambda: team.address))
            await guests[-1].__aenter__()
            found = {pid: connections(pid, team.address[1]) for pid in pids}
            if len(guests) >= 40 and all(found.values()):
                break
        assert all(found.values()), f"one worker gets nothing: {found}"
        assert team.process is not None
        team.process.terminate()
        await asyncio.gather(*(guest.until(said_goodbye(guest)) for guest in guests))
        assert {code for guest in guests for code in guest.byes} == {4001}
        assert await asyncio.to_thread(team.process.wait, 15) == 0
    finally:
        for guest in guests:
            await guest.leave()
    await until_workers(admin, lambda found: not found)


async def test_a_worker_that_is_killed_is_replaced(team: Member, hotel: Hotel, admin: Connection) -> None:
    pids = await until_workers(admin, lambda found: len(found) == 2)
    async with screen(hotel.kitchen(), team.address) as one, screen(hotel.kitchen(1), team.address) as two:
        victim = min(pids)
        os.kill(victim, signal.SIGKILL)
        now = await until_workers(admin, lambda found: len(found) == 2 and victim not in found)
        assert len(now & pids) == 1
        async with screen(hotel.tablet(), team.address) as guest:
            order = (await guest.command("order.place", lines=soup(hotel)))["order"]
            for kitchen in (one, two):
                await kitchen.reach(await head(admin, hotel))
                assert order["id"] in kitchen.orders()
        assert await admin.fetchval("SELECT count(*) FROM app.orders WHERE id = $1", UUID(order["id"])) == 1


async def test_a_supervisor_that_is_killed_takes_its_workers_along(
    team: Member, hotel: Hotel, admin: Connection
) -> None:
    pids = await until_workers(admin, lambda found: len(found) == 2)
    async with screen(hotel.kitchen(), team.address):
        await asyncio.to_thread(team.kill)
        await until_workers(admin, lambda found: not found)
    async with asyncio.timeout(DEADLINE):
        while any(alive(pid) for pid in pids):  # noqa: ASYNC110 - they are not our children
            await asyncio.sleep(0.05)


def alive(pid: int) -> bool:
    """Whether it runs; an orphan that nobody has buried is dead."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


async def test_a_wrong_setting_stops_the_supervisor(settings: Settings) -> None:
    """It does not start the same failing workers again and again."""
    member = Fleet(settings, 1, HUB_WORKERS="2", HUB_DB_CONNECTIONS="8").members[0]
    member.start()
    assert member.process is not None
    try:
        assert await asyncio.to_thread(member.process.wait, 20) == 2
    finally:
        member.end()
