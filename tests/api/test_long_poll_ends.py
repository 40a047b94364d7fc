"""How a long poll ends before its time, and what it is not."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import httpx
import msgspec
import pytest

from tests.api.conftest import Api, problem
from tests.api.polling import PATH, kinds, orders, poll, small, waiting
from tests.factories import make_hotel
from tests.realtime.conftest import running
from tests.realtime.peer import peer
from tests.realtime.screens import DEADLINE
from tests.realtime.test_revocation import check_out, devices, suspend_hotel
from tests.realtime.test_session_life import token_for

if TYPE_CHECKING:
    from hub.app import Hub
    from hub.db.pool import Connection
    from hub.settings import Settings
    from tests.factories import Hotel
    from tests.realtime.test_revocation import Revoke


@pytest.mark.parametrize(
    ("what", "revoke", "status", "code"),
    [
        ("suspended", devices("status = 'suspended'"), 401, "unauthorized"),
        ("checked out", check_out, 401, "unauthorized"),
        ("hotel suspended", suspend_hotel, 403, "tenant_closed"),
    ],
)
async def test_what_is_revoked_while_it_waits(
    hub: Hub, api: Api, admin: Connection, hotel: Hotel, what: str, revoke: Revoke, status: int, code: str
) -> None:
    start = (await poll(api, hotel.tablet()))["next"]
    async with waiting(hub, api, hotel.tablet(), start) as late:
        await revoke(admin, hotel)
        found = problem(await late.answer(), status, code)
        assert not found["temporary"], what
    problem(await api.get(PATH, hotel.tablet(), after=start), status, code)


async def test_it_waits_no_longer_than_the_token_is_good(hub: Hub, api: Api, hotel: Hotel) -> None:
    start = (await poll(api, hotel.tablet()))["next"]
    headers = {"Authorization": f"Bearer {token_for(hotel.tablet(), 0.5)}"}
    async with asyncio.timeout(DEADLINE):
        answer = await api.client.get(PATH, headers=headers, params={"after": start, "wait": 30})
    assert (answer.status_code, kinds(answer.json())) == (200, ["position"])


async def test_a_guest_who_moves_in_needs_a_fresh_token(
    hub: Hub, api: Api, admin: Connection, hotel: Hotel
) -> None:
    await admin.execute("UPDATE app.stays SET ended_at = now() WHERE tenant_id = $1", hotel.tenant_id)
    empty = msgspec.structs.replace(hotel.tablet(), stay_id=None)
    start = (await poll(api, empty))["next"]
    async with waiting(hub, api, empty, start) as late:
        await admin.execute(
            "INSERT INTO app.stays (tenant_id, room_number) VALUES ($1, '101')", hotel.tenant_id
        )
        problem(await late.answer(), 401, "token_expired")


async def test_a_hub_that_leaves_answers_at_once(settings: Settings, admin: Connection) -> None:
    hotel = await make_hotel(admin)
    async with small(msgspec.structs.replace(settings, drain_seconds=1.0)) as (hub, api):
        start = (await poll(api, hotel.tablet()))["next"]
        async with waiting(hub, api, hotel.tablet(), start) as late:
            await hub.drain()
            assert not hub.node.sessions
            answer = await late.answer()
        problem(answer, 503, "unavailable")
        assert answer.headers["retry-after"] == "3"
        problem(await api.get(PATH, hotel.tablet()), 503, "unavailable")


async def test_who_is_too_many_at_once_comes_later(settings: Settings, admin: Connection) -> None:
    hotel = await make_hotel(admin)
    few = msgspec.structs.replace(settings, accepts_per_second=1.0, accepts_burst=1)
    async with small(few) as (_, api):
        await poll(api, hotel.tablet())
        answer = await api.get(PATH, hotel.tablet())
        problem(answer, 503, "unavailable")
        assert answer.headers["retry-after"] == "1"


async def test_of_many_that_wait_the_newest_win(hub: Hub, api: Api, hotel: Hotel) -> None:
    start = (await poll(api, hotel.tablet()))["next"]
    async with waiting(hub, api, hotel.tablet(), start) as first:
        tasks = [asyncio.create_task(api.get(PATH, hotel.tablet(), after=start, wait=30)) for _ in range(6)]
        problem(await first.answer(), 429, "rate_limited")
        order = await api.place(hotel)
        async with asyncio.timeout(DEADLINE):
            answers = await asyncio.gather(*tasks)
    assert [orders(answer.json()) for answer in answers] == [[order["id"]]] * 6
    assert not hub.node.sessions


async def test_a_database_that_is_away_is_told(
    hub: Hub, api: Api, hotel: Hotel, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr("hub.realtime.stream_poll._PATIENCE_SECONDS", 0.05)
    original = hub.past.state
    msgspec.structs.force_setattr(hub.past, "state", away)
    try:
        problem(await api.get(PATH, hotel.tablet()), 503, "unavailable")
    finally:
        msgspec.structs.force_setattr(hub.past, "state", original)
    assert not hub.node.sessions


# over a real connection


async def test_it_is_no_session_of_its_device(settings: Settings, hotel: Hotel) -> None:
    """It neither shows the device online nor replaces its socket."""
    async with running(settings, relay=False, twins=False) as live, peer(live) as socket:
        await socket.hello(hotel.kitchen())
        async with httpx.AsyncClient(base_url=f"http://{live.host}:{live.port}") as client:
            api = Api(client)
            await poll(api, hotel.kitchen())
            for _ in range(3):
                await socket.until("position")
        assert not [frame for frame in socket.frames if frame["type"] == "bye"]


async def test_a_client_that_leaves_is_forgotten(settings: Settings, hotel: Hotel) -> None:
    async with running(settings, relay=False) as live:
        async with httpx.AsyncClient(base_url=f"http://{live.host}:{live.port}") as client:
            api = Api(client)
            start = (await poll(api, hotel.kitchen()))["next"]
            async with waiting(live.hub, api, hotel.kitchen(), start):
                assert len(live.hub.node.sessions) == 1
        async with asyncio.timeout(DEADLINE):
            await live.hub.node.emptied()
