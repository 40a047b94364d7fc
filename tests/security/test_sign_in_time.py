"""The time of a refusal says nothing: not whether an address is known, nor that an account is locked, nor
that there is such a hotel.

bcrypt is cheap here, so that it is only a part of an answer's time: what is done besides must be the same
too.
"""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Final
from uuid import uuid4

import httpx
import msgspec
import pytest

from hub.security.passwords import Passwords
from tests.api.conftest import FAST, opened
from tests.api.desk import PASSWORD, Desk, Hired, Postbox
from tests.factories import Hotel, make_hotel
from tests.security.ranks import mann_whitney

if TYPE_CHECKING:
    from hub.db.pool import Connection
    from hub.settings import Settings

EACH: Final = 200
ROUNDS: Final = 6  # some milliseconds
# A measurement that differs by chance is repeated once; one that differs for a reason differs again.
MEASUREMENTS: Final = 2
LIKELY: Final = 0.01

pytestmark = pytest.mark.alone


@pytest.fixture(scope="module")
async def desk(settings: Settings, admin: Connection) -> AsyncIterator[Desk]:
    changes = {**FAST, "bcrypt_rounds": ROUNDS}
    async with (
        opened(msgspec.structs.replace(settings, **changes)) as hub,
        httpx.AsyncClient(transport=httpx.ASGITransport(hub.app), base_url="http://hub") as web,
    ):
        yield Desk(hub, web, Postbox(), admin)


@pytest.fixture(scope="module")
async def hotel(admin: Connection) -> Hotel:
    return await make_hotel(admin)


@pytest.fixture(scope="module")
async def groups(desk: Desk, hotel: Hotel) -> dict[str, list[Hired]]:
    """As many accounts of each kind, none of them tried before."""
    hashed = await desk.hub.office.passwords.hash(PASSWORD)
    known = [await desk.hire(hotel) for _ in range(2 * EACH * MEASUREMENTS)]
    await desk.admin.execute("UPDATE app.staff SET password_hash = $1", hashed)
    locked = known[EACH * MEASUREMENTS :]
    await desk.admin.execute(
        "UPDATE app.staff SET failed_login_attempts = 9, locked_until = now() + interval '1 hour'"
        " WHERE id = ANY ($1::uuid[])",
        [who.id for who in locked],
    )

    def nobody(slug: str) -> list[Hired]:
        return [
            Hired(uuid4(), f"{uuid4().hex[:12]}@hotel.example", slug, hotel.tenant_id)
            for _ in range(EACH * MEASUREMENTS)
        ]

    return {
        "known": known[: EACH * MEASUREMENTS],
        "locked": locked,
        "unknown": nobody(hotel.slug),
        "nowhere": nobody("nowhere"),
    }


async def measure(desk: Desk, groups: dict[str, list[Hired]], number: int) -> dict[str, list[float]]:
    """Seconds of each refusal, by group; all of them in one random order."""
    tries = [
        (name, who) for name, group in groups.items() for who in group[number * EACH : (number + 1) * EACH]
    ]
    random.shuffle(tries)
    found: dict[str, list[float]] = {name: [] for name in groups}
    for name, who in tries:
        started = time.perf_counter()
        # Behind a lock even the right password must not be told from a wrong one.
        answer = await desk.sign_in(who, PASSWORD if name == "locked" else "wrong password")
        found[name].append(time.perf_counter() - started)
        assert answer.status_code == 401
        # What comes after an answer is another story, and not to be felt by the next one.
        await desk.settled()
    return found


def told(found: dict[str, list[float]]) -> str:
    return ", ".join(f"{name} {statistics.median(times) * 1000:.2f} ms" for name, times in found.items())


async def test_every_refusal_takes_the_same_time(desk: Desk, groups: dict[str, list[Hired]]) -> None:
    suspects = set(groups) - {"known"}
    found: dict[str, list[float]] = {}
    for number in range(MEASUREMENTS):
        found = await measure(desk, groups, number)
        suspects = {name for name in suspects if mann_whitney(found["known"], found[name]) <= LIKELY}
        if not suspects:
            return
    pytest.fail(f"{sorted(suspects)} can be told from known accounts: {told(found)}")


async def test_without_the_dummy_hash_it_would_not(
    desk: Desk, groups: dict[str, list[Hired]], monkeypatch: pytest.MonkeyPatch
) -> None:
    verify = Passwords.verify

    async def only_what_exists(self: Passwords, password: str, stored: str | None) -> bool:
        return stored is not None and await verify(self, password, stored)

    monkeypatch.setattr(Passwords, "verify", only_what_exists)
    few = {name: groups[name] for name in ("known", "unknown")}
    found = await measure(desk, few, 0)
    assert mann_whitney(found["known"], found["unknown"]) < LIKELY, told(found)


def test_the_rank_test_itself() -> None:
    chance = random.Random(7)
    same = [[chance.gauss(0, 1) for _ in range(EACH)] for _ in range(2)]
    assert mann_whitney(*same) > LIKELY
    assert mann_whitney(same[0], [value + 0.5 for value in same[1]]) < LIKELY
    assert mann_whitney([1.0] * 20 + [2.0] * 20, [1.0] * 20 + [2.0] * 20) == 1
    # 1..10 against 6..15: U = 12.5, known from tables
    assert round(mann_whitney(range(1, 11), range(6, 16)), 4) == 0.0045
