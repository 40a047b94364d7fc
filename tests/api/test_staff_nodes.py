"""Two processes of the hub on one database: what is good once is good once over both, and what is counted is
counted exactly."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import httpx
import msgspec
import pytest

from tests.api.conftest import FAST, opened
from tests.api.desk import STAFF, Desk, Postbox
from tests.api.test_staff_account import make_code
from tests.api.test_staff_second_factor import set_up
from tests.factories import Hotel

if TYPE_CHECKING:
    from hub.db.pool import Connection
    from hub.settings import Settings

TIMES = 8


@pytest.fixture(scope="module")
async def desks(settings: Settings, admin: Connection) -> AsyncIterator[list[Desk]]:
    """Two hubs that lock nobody for long tests."""
    patient = msgspec.structs.replace(settings, **FAST, sign_in_attempts=100)
    async with AsyncExitStack() as stack:
        made = []
        for _ in range(2):
            hub = await stack.enter_async_context(opened(patient))
            web = httpx.AsyncClient(transport=httpx.ASGITransport(hub.app), base_url="http://hub")
            made.append(Desk(hub, await stack.enter_async_context(web), Postbox(), admin))
        yield made


async def test_failures_are_counted_exactly(desks: list[Desk], hotel: Hotel) -> None:
    who = await desks[0].hire(hotel)
    await asyncio.gather(*(desk.sign_in(who, f"wrong {n}") for n in range(2 * TIMES) for desk in desks))
    for desk in desks:
        await desk.settled()
    assert (await desks[0].row(who))["failed_login_attempts"] == 4 * TIMES


async def test_a_code_of_the_second_factor_is_good_once(desks: list[Desk], hotel: Hotel) -> None:
    who = await desks[0].hire(hotel)
    _, recovery = await set_up(desks[0], (await desks[0].enter(who)).access)
    for code in recovery[:TIMES]:
        answers = await asyncio.gather(*(desk.sign_in(who, code=code) for desk in desks))
        assert sorted(answer.status_code for answer in answers) == [201, 401]
    assert len((await desks[0].row(who))["recovery_hashes"]) == len(recovery) - TIMES


async def test_the_code_of_a_letter_is_good_once(desks: list[Desk], hotel: Hotel) -> None:
    who = await desks[0].hire(hotel)
    for number in range(TIMES):
        code = await make_code(desks[0], who, "reset_password")
        answers = await asyncio.gather(
            *(
                desk.call(
                    "POST",
                    f"{STAFF}/password/reset",
                    {"code": code, "password": f"quite another one {number}"},
                )
                for desk in desks
            )
        )
        assert sorted(answer.status_code for answer in answers) == [200, 401]
