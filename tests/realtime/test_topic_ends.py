"""The end of a topic counts for whoever was inside before it, and for nobody who came in after it: the
database says which, however late a node hears of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from hub.realtime.protocol import CloseCode
from tests.realtime.conftest import Live, head, running
from tests.realtime.peer import Peer, peer
from tests.realtime.screens import token_of

if TYPE_CHECKING:
    from hub.db.pool import Connection
    from hub.security.principal import Principal
    from hub.settings import Settings
    from tests.factories import Hotel

ANOTHER_CREDENTIAL = "UPDATE app.device_rooms SET credential_hash = sha256('another') WHERE id = $1"


@pytest.fixture(scope="module")
async def late(settings: Settings) -> AsyncIterator[Live]:
    """A hub that nobody tells of changes: it hears of them when it compares heads."""
    async with running(replace(settings, heads_seconds=1.0), relay=False) as hub:
        yield hub


async def entered(stack: AsyncExitStack, live: Live, principal: Principal) -> Peer:
    one = await stack.enter_async_context(peer(live))
    await one.hello(principal)
    return one


async def told(screen: Peer, seq: int) -> None:
    while screen.frames[-1]["type"] != "position" or screen.frames[-1]["seq"] < seq:
        await screen.receive()


async def test_who_came_after_it_stays(late: Live, admin: Connection, hotel: Hotel) -> None:
    """A screen is paired and connects at once, before its node has heard that its old credential is over."""
    async with AsyncExitStack() as stack:
        beside = await entered(stack, late, hotel.kitchen(1))
        before = await entered(stack, late, hotel.kitchen())
        await admin.execute(ANOTHER_CREDENTIAL, hotel.kitchen_id)
        after = await entered(stack, late, replace(hotel.kitchen(), access_version=1))
        assert (await before.end()).code == CloseCode.REVOKED
        for screen in (beside, after):
            await told(screen, await head(admin, hotel))
        assert not [frame for frame in after.frames if frame.get("kind") == "topic.ended"]


async def test_who_comes_while_it_is_told(late: Live, admin: Connection, hotel: Hotel) -> None:
    """The past that is read at a join may hold ends from before it: of them nothing is said."""
    async with AsyncExitStack() as stack:
        screen = await entered(stack, late, hotel.kitchen())
        await told(screen, await head(admin, hotel))
        last = screen.frames[-1]
        await admin.execute(ANOTHER_CREDENTIAL, hotel.kitchen_id)
        since = {"epoch": last["epoch"], "seq": last["seq"]}
        again = await stack.enter_async_context(peer(late))
        await again.hello(replace(hotel.kitchen(), access_version=1), since=since)
        await told(again, await head(admin, hotel))
        assert {frame["type"] for frame in again.frames} <= {"welcome", "snapshot", "position"}


@pytest.mark.parametrize("change", ["floor = '9'", "stations = '{bar}'"])
async def test_another_place_is_told_by_a_fresh_token(
    late: Live, admin: Connection, hotel: Hotel, change: str
) -> None:
    await admin.execute(f"UPDATE app.device_rooms SET {change} WHERE id = $1", hotel.kitchen_id)
    async with peer(late) as screen:
        await screen.send({"type": "hello", "token": token_of(hotel.kitchen())})
        end = await screen.end()
    assert (end.code, end.bye and end.bye["retry_ms"]) == (CloseCode.TOKEN_EXPIRED, 0)


async def test_a_tablet_that_was_away_when_the_guest_came(
    late: Live, admin: Connection, hotel: Hotel
) -> None:
    """Its token is good still, and names no stay."""
    async with peer(late) as screen:
        await screen.send({"type": "hello", "token": token_of(replace(hotel.tablet(), stay_id=None))})
        assert (await screen.end()).code == CloseCode.TOKEN_EXPIRED
