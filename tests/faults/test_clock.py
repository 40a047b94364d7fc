"""The clock of a hub jumps by hours and days, forwards and back, while guests and cooks are at work. The
database's does not, and neither does the time that passes."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from hub.legs import FAKETIME
from hub.security.tokens import Tokens
from tests.conftest import TOKEN_KEY
from tests.factories import make_hotel
from tests.faults.checker import checked
from tests.faults.fleet import Fleet

if TYPE_CHECKING:
    from hub.db.pool import Connection
    from hub.security.principal import Principal
    from hub.settings import Settings

# alone: its clients hang up when a heartbeat is late
pytestmark = [pytest.mark.faults, pytest.mark.slow, pytest.mark.alone]

LIBRARIES = sorted(Path("/usr/lib").glob(FAKETIME))


class Clock:
    """Of one hub and of those whom it gives tokens to: so much ahead of the real one."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._ahead = timedelta()
        self._tokens = Tokens((TOKEN_KEY,), 900, now=lambda: time.time() + self._ahead.total_seconds())
        self.jump(timedelta())

    def jump(self, ahead: timedelta) -> None:
        """From now on."""
        self._ahead = ahead
        fresh = self._file.with_suffix(".new")
        fresh.write_text(f"{ahead.total_seconds():+.0f}s\n", encoding="ascii")
        fresh.rename(self._file)

    def token(self, principal: Principal) -> str:
        """As this hub would give it now."""
        return self._tokens.issue(principal)[0]


@pytest.fixture(scope="module")
def clock(tmp_path_factory: pytest.TempPathFactory) -> Clock:
    return Clock(tmp_path_factory.mktemp("clock") / "ahead")


@pytest.fixture(scope="module")
def fleet(settings: Settings, clock: Clock) -> Iterator[Fleet]:
    """One hub that lives by that clock and clears up every second."""
    assert LIBRARIES, "libfaketime is missing: apt-get install libfaketime"
    environ = {
        "LD_PRELOAD": str(LIBRARIES[0]),
        "FAKETIME_TIMESTAMP_FILE": str(clock._file),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "HUB_RETENTION_SECONDS": "1",
    }
    with Fleet(settings, 1, **environ) as fleet:
        yield fleet


@pytest.mark.parametrize("hours", [3, -3, 26, -26, 24 * 400])
async def test_a_clock_that_jumps(
    settings: Settings, admin: Connection, fleet: Fleet, clock: Clock, hours: int
) -> None:
    hotels = [await make_hotel(admin) for _ in range(2)]
    address = fleet.members[0].address
    async with checked(hotels, lambda: address, lambda: settings.database_url, token=clock.token) as load:
        await load.done(40)
        try:
            clock.jump(timedelta(hours=hours))
            await load.healed()
            await load.done(60)
            times = {client.shown.server_time for client in load.clients}
        finally:
            clock.jump(timedelta())
        await load.healed()
        await load.done(40)
        lines = [line for client in load.clients for line in client.journal]
        # tokens of before have expired, and nobody needs more than a new one; going back ends nothing
        closes = {line.body["code"] for line in lines if line.kind == "close"}
        assert closes <= ({4005} if hours > 0 else set())
        # heartbeats go by the time that passes
        assert not [line for line in lines if line.kind == "silent"]
        seen = {text[:13] for text in times}
        expected = time.gmtime(time.time() + 3600 * hours)
        assert time.strftime("%Y-%m-%dT%H", expected) in seen or expected.tm_min == 0
    tenants = [hotel.tenant_id for hotel in hotels]
    rows = await admin.fetch(
        "SELECT tenant_id, business_date, order_number, ((placed_at AT TIME ZONE t.time_zone)"
        " - interval '5 hours')::date AS day FROM app.orders JOIN app.tenants AS t ON t.id = tenant_id"
        " WHERE tenant_id = ANY ($1)",
        tenants,
    )
    # each order belongs to the day on which the hub's clock stood, and each day's numbers have no hole
    assert all(row["business_date"] == row["day"] for row in rows)
    numbers = defaultdict(list)
    for row in rows:
        numbers[row["tenant_id"], row["business_date"]].append(row["order_number"])
    assert all(sorted(found) == list(range(1, len(found) + 1)) for found in numbers.values())
    assert len(numbers) >= len(hotels) * (2 if abs(hours) > 24 else 1)
    # a wrong clock deletes nothing
    floors = await admin.fetch("SELECT floor FROM app.tenant_heads WHERE tenant_id = ANY ($1)", tenants)
    assert {row["floor"] for row in floors} == {0}
