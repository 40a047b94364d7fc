"""Who may begin a session: many of one hotel at once, each judged for itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

import msgspec
import pytest

from hub.devices.doorman import Doorman
from hub.errors import HubError, TenantClosed, TokenExpired, Unauthorized, Unavailable

if TYPE_CHECKING:
    from hub.db.database import Database
    from hub.db.pool import Connection
    from hub.db.scope import Actor, Scope
    from hub.security.principal import Principal
    from tests.factories import Hotel


class Counted:
    """The database, with its readings counted; `away` raises instead, `held` lets them wait."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.readings = 0
        self.away = False
        self.held = asyncio.Event()
        self.held.set()

    @asynccontextmanager
    async def read(self, tenant_id: UUID, actor: Actor) -> AsyncIterator[Scope]:
        self.readings += 1
        await self.held.wait()
        if self.away:
            raise Unavailable("away")
        async with self._database.read(tenant_id, actor) as scope:
            yield scope


@pytest.fixture
def counted(database: Database) -> Counted:
    return Counted(database)


@pytest.fixture
async def doorman(counted: Counted) -> AsyncIterator[Doorman]:
    doorman = Doorman(counted, asyncio.Semaphore(2))  # type: ignore[arg-type]  # it only reads
    yield doorman
    await doorman.aclose()


async def verdicts(doorman: Doorman, *asking: Principal) -> list[type[BaseException] | None]:
    async with asyncio.timeout(10):
        answers = await asyncio.gather(*(doorman.admit(one) for one in asking), return_exceptions=True)
    return [None if answer is None else type(answer) for answer in answers]


async def test_three_hundred_of_a_hotel_cost_two_readings(
    doorman: Doorman, counted: Counted, hotel: Hotel
) -> None:
    assert await verdicts(doorman, *[hotel.tablet(), hotel.kitchen()] * 150) == [None] * 300
    assert counted.readings == 1
    counted.held.clear()
    first = asyncio.create_task(doorman.admit(hotel.tablet()))
    while counted.readings < 2:  # noqa: ASYNC110 - it is asked for in another task
        await asyncio.sleep(0)
    later = [asyncio.create_task(doorman.admit(hotel.kitchen())) for _ in range(300)]
    await asyncio.sleep(0)
    counted.held.set()
    await asyncio.gather(first, *later)
    assert counted.readings == 3, "who comes while it is read is judged by the next reading, not by this one"


async def test_each_is_judged_for_itself(
    doorman: Doorman, hotel: Hotel, other_hotel: Hotel, admin: Connection
) -> None:
    tablet, kitchen = hotel.tablet(), hotel.kitchen()
    cases = {
        "good": (tablet, None),
        "unknown": (msgspec.structs.replace(tablet, id=uuid4()), Unauthorized),
        "of another hotel": (
            msgspec.structs.replace(other_hotel.tablet(), tenant_id=hotel.tenant_id),
            Unauthorized,
        ),
        "another room": (msgspec.structs.replace(tablet, room_number="999"), Unauthorized),
        "another kind": (msgspec.structs.replace(tablet, kind="kitchen"), Unauthorized),
        "an old credential": (msgspec.structs.replace(tablet, access_version=99), Unauthorized),
        "another stay": (msgspec.structs.replace(tablet, stay_id=uuid4()), Unauthorized),
        "no stay": (msgspec.structs.replace(tablet, stay_id=None), TokenExpired),
        "another floor": (msgspec.structs.replace(kitchen, floor="9"), TokenExpired),
        "other stations": (msgspec.structs.replace(kitchen, stations=("kitchen", "bar")), TokenExpired),
        "every station": (msgspec.structs.replace(kitchen, stations=()), TokenExpired),
        "a kitchen": (kitchen, None),
        "a kitchen with a stay": (msgspec.structs.replace(kitchen, stay_id=tablet.stay_id), Unauthorized),
    }
    found = await verdicts(doorman, *(principal for principal, _ in cases.values()))
    assert dict(zip(cases, found, strict=True)) == {name: wanted for name, (_, wanted) in cases.items()}

    wipe = "UPDATE app.device_rooms SET wipe_requested_at = now() WHERE id = $1"
    await admin.execute(wipe, tablet.id)
    assert await verdicts(doorman, tablet, kitchen) == [Unauthorized, None], "it holds another guest's"
    await admin.execute(
        "UPDATE app.device_rooms SET wipe_requested_at = NULL, status = 'lost' WHERE id = $1", tablet.id
    )
    assert await verdicts(doorman, tablet, kitchen) == [Unauthorized, None]


async def test_a_hotel_that_is_not_served(doorman: Doorman, hotel: Hotel, admin: Connection) -> None:
    change = "UPDATE app.tenants SET status = 'suspended', status_reason = 'unpaid' WHERE id = $1"
    await admin.execute(change, hotel.tenant_id)
    with pytest.raises(TenantClosed) as caught:
        await doorman.admit(hotel.tablet())
    assert caught.value.details["status_reason"] == "unpaid"
    stranger = msgspec.structs.replace(hotel.tablet(), id=uuid4())
    assert await verdicts(doorman, hotel.kitchen(), stranger) == [TenantClosed, Unauthorized]


async def test_a_hotel_that_does_not_exist(doorman: Doorman, hotel: Hotel) -> None:
    assert await verdicts(doorman, msgspec.structs.replace(hotel.tablet(), tenant_id=uuid4())) == [
        Unauthorized
    ]


async def test_while_the_database_is_away_all_are_told(
    doorman: Doorman, counted: Counted, hotel: Hotel
) -> None:
    counted.away = True
    assert await verdicts(doorman, *[hotel.tablet()] * 20) == [Unavailable] * 20
    counted.away = False
    assert await verdicts(doorman, hotel.tablet()) == [None]


async def test_one_that_gives_up_takes_nobody_along(doorman: Doorman, counted: Counted, hotel: Hotel) -> None:
    counted.held.clear()
    asking = [asyncio.create_task(doorman.admit(hotel.tablet())) for _ in range(3)]
    while not counted.readings:  # noqa: ASYNC110 - it is asked for in another task
        await asyncio.sleep(0)
    asking[0].cancel()
    counted.held.set()
    answers = await asyncio.gather(*asking, return_exceptions=True)
    assert isinstance(answers[0], asyncio.CancelledError)
    assert answers[1:] == [None, None]


async def test_at_its_end_nobody_waits_for_ever(doorman: Doorman, counted: Counted, hotel: Hotel) -> None:
    counted.held.clear()
    asking = [asyncio.create_task(doorman.admit(hotel.tablet())) for _ in range(3)]
    while not counted.readings:  # noqa: ASYNC110 - it is asked for in another task
        await asyncio.sleep(0)
    late = asyncio.create_task(doorman.admit(hotel.kitchen()))
    await asyncio.sleep(0)
    await doorman.aclose()
    async with asyncio.timeout(5):
        answers = await asyncio.gather(*asking, late, return_exceptions=True)
    assert all(isinstance(answer, HubError) for answer in answers)
