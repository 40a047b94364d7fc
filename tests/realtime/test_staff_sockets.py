"""Members of staff on a socket: a renewal goes on with the same sign-in and no other, and its end ends the
socket."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING
from uuid import uuid4

import httpx
import msgspec
import pytest

from hub.realtime.protocol import CloseCode
from tests.api.conftest import FAST, problem
from tests.api.desk import Desk, Postbox, entered
from tests.factories import make_staff, signed_in
from tests.ordering import Client
from tests.realtime.conftest import Live, running
from tests.realtime.peer import Peer, peer
from tests.realtime.screens import token_of

if TYPE_CHECKING:
    from hub.db.database import Database
    from hub.db.pool import Connection
    from hub.settings import Settings
    from tests.factories import Hotel


@pytest.fixture(scope="module")
async def live(settings: Settings) -> AsyncIterator[Live]:
    """This module's hub; a refresh token that comes again is a stolen one at once."""
    quick = msgspec.structs.replace(settings, **FAST, refresh_grace_seconds=0.0)
    async with running(quick) as hub:
        yield hub


@pytest.fixture(scope="module")
async def desk(live: Live, admin: Connection) -> AsyncIterator[Desk]:
    """The HTTP side of the same hub."""
    async with httpx.AsyncClient(base_url=f"http://{live.host}:{live.port}") as web:
        yield Desk(live.hub, web, Postbox(), admin)


async def say_hello(screen: Peer, token: str) -> None:
    await screen.send({"type": "hello", "token": token})
    await screen.until("position")


async def seen(screen: Peer) -> dict[str, object]:
    reply = await screen.ask("order.seen", {"order_ids": [str(uuid4())]}, op_id=None)
    return reply if reply["ok"] else reply["error"]


async def test_a_renewal_of_the_same_sign_in(live: Live, admin: Connection, hotel: Hotel) -> None:
    cook = await make_staff(admin, hotel, "kitchen")
    other = await signed_in(admin, hotel.tenant_id, cook.id, "kitchen")
    async with peer(live) as screen:
        await screen.hello(cook)
        await screen.send({"type": "refresh", "token": token_of(cook)})
        assert (await seen(screen))["ok"]
        await screen.send({"type": "refresh", "token": token_of(other)})
        assert (await screen.end()).code == CloseCode.BAD_TOKEN


async def test_staff_see_what_their_role_may(
    live: Live, admin: Connection, database: Database, hotel: Hotel
) -> None:
    await Client(database).place(hotel, {"soup": 1})
    cook = await make_staff(admin, hotel, "kitchen")
    editor = await make_staff(admin, hotel, "menu_editor")
    limited = msgspec.structs.replace(await make_staff(admin, hotel, "manager"), limited=True)
    for principal, orders in ((cook, 1), (editor, 0), (limited, 0)):
        async with peer(live) as screen:
            await screen.hello(principal)
            snapshot = next(frame for frame in screen.frames if frame["type"] == "snapshot")
            assert [entry["kind"] for entry in snapshot["state"]].count("order") == orders
            assert ("ok" in await seen(screen)) == (principal is cook)


async def test_the_end_of_a_sign_in_ends_its_socket(desk: Desk, live: Live, hotel: Hotel) -> None:
    who = await desk.hire(hotel, "kitchen")
    one, two = await desk.enter(who), await desk.enter(who)
    async with peer(live) as stolen, peer(live) as kept:
        await say_hello(stolen, one.access)
        await say_hello(kept, two.access)
        entered(await desk.refresh(one.refresh))
        problem(await desk.refresh(one.refresh), 401, "unauthorized", "refresh_token")
        end = await stolen.end()
        assert (end.code, end.bye is not None) == (CloseCode.REVOKED, True)
        assert (await seen(kept))["ok"]
    async with peer(live) as late:
        await late.send({"type": "hello", "token": one.access})
        assert (await late.end()).code == CloseCode.REVOKED


async def test_other_permissions_count_on_an_open_socket(desk: Desk, live: Live, hotel: Hotel) -> None:
    who = await desk.hire(hotel, "kitchen")
    inside = await desk.enter(who)
    async with peer(live) as screen:
        await say_hello(screen, inside.access)
        assert (await seen(screen))["ok"]
        await desk.admin.execute("UPDATE app.staff SET role = 'runner' WHERE id = $1", who.id)
        end = await screen.end()
    # another view of the hotel: it comes back at once, with a fresh token
    assert (end.code, end.bye and end.bye["retry_ms"]) == (CloseCode.TOKEN_EXPIRED, 0)
    async with peer(live) as screen:
        await say_hello(screen, entered(await desk.refresh(inside.refresh)).access)
        assert (await seen(screen))["code"] == "forbidden"
