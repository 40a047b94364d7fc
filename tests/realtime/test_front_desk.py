"""What tablets live through while guests come and go, and what a closed hotel's screens see."""

from __future__ import annotations

import asyncio
import http.client
import json
import time
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import msgspec
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from hub.realtime.protocol import SUBPROTOCOL, CloseCode
from hub.security.credentials import Credential, digest, new_secret
from tests.factories import Hotel, make_staff
from tests.realtime.conftest import Live, head, running, screens
from tests.realtime.screens import TOKENS, Answer, Document, Screen, token_of

if TYPE_CHECKING:
    from hub.db.pool import Connection
    from hub.security.principal import Principal
    from hub.settings import Settings


class Tablet:
    """A tablet with a credential, which asks for its tokens itself."""

    def __init__(self, live: Live, credential: str) -> None:
        self._live = live
        self._credential = credential

    async def ask(self, what: str, **more: object) -> Document:
        return await call(self._live, f"/api/v1/devices/{what}", {"credential": self._credential, **more})

    async def principal(self) -> Principal:
        return TOKENS.verify((await self.ask("token"))["token"])


async def call(live: Live, path: str, body: object, as_: Principal | None = None) -> Document:
    """POST over a real connection; the answer with its status."""

    def ask() -> Document:
        connection = http.client.HTTPConnection(live.host, live.port, timeout=10)
        headers = {"Content-Type": "application/json", "Idempotency-Key": str(uuid4())}
        if as_ is not None:
            headers["Authorization"] = f"Bearer {token_of(as_)}"
        try:
            connection.request("POST", path, json.dumps(body), headers)
            answer = connection.getresponse()
            document: Document = json.loads(answer.read())
            return {"status_code": answer.status, **document}
        finally:
            connection.close()

    return await asyncio.to_thread(ask)


async def with_credential(live: Live, admin: Connection, hotel: Hotel) -> Tablet:
    secret = new_secret()
    tablet_id = hotel.rooms[0].tablet_id
    await admin.execute(
        "UPDATE app.device_rooms SET credential_hash = $2, credential_changed_at = now() WHERE id = $1",
        tablet_id,
        digest(secret),
    )
    return Tablet(live, Credential(hotel.tenant_id, tablet_id, secret).encode())


async def closing(screen: Screen) -> None:
    await screen.until(lambda: bool(screen.closes))


async def order(screen: Any, hotel: Hotel) -> Document:
    lines = [{"menu_item_id": str(hotel.menu["soup"]), "quantity": 1}]
    placed: Document = (await screen.command("order.place", lines=lines))["order"]
    return placed


async def test_a_guest_leaves_the_tablet_forgets_and_the_next_one_comes(
    live: Live, admin: Connection, hotel: Hotel
) -> None:
    tablet, room = await with_credential(live, admin, hotel), hotel.rooms[0]
    front = await make_staff(admin, hotel, "front")
    async with screens(live, await tablet.principal(), hotel.kitchen(), hotel.tablet(1)) as shown:
        guest, kitchen, neighbour = shown
        placed = await order(guest, hotel)
        # a front desk may do it over its socket as well
        async with live.screen(front) as desk:
            left = await desk.command("stay.check_out", stay_id=str(room.stay_id))
        assert [one["id"] for one in left["open_orders"]] == [placed["id"]]
        await guest.until(lambda: bool(guest.closes))
        assert guest.closes == [CloseCode.REVOKED]
        assert kitchen.closes == neighbour.closes == []

    # until it has said that it forgot, the tablet gets no guest
    issued = await tablet.ask("token")
    assert issued["wipe"] is not None
    assert TOKENS.verify(issued["token"]).stay_id is None
    arrival = {"room_number": room.number, "guest_name": "次の客"}
    refused = await call(live, "/api/v1/stays", arrival, front)
    assert (refused["status_code"], refused["code"]) == (409, "wipe_pending")
    assert (await tablet.ask("wiped", requested_at=issued["wipe"]))["wiped"] is True

    # it waits in the empty room; a guest moves in, and the tablet is told to ask within a second
    async with live.screen(await tablet.principal()) as waiting:
        started = time.monotonic()
        arrived = await call(live, "/api/v1/stays", arrival, front)
        assert arrived["status_code"] == 201, arrived
        await waiting.until(lambda: bool(waiting.closes))
        assert waiting.closes[0] == CloseCode.TOKEN_EXPIRED
        fresh = await tablet.principal()
        assert time.monotonic() - started < 1
    assert str(fresh.stay_id) == arrived["stay_id"]

    async with live.screen(fresh) as after:
        assert after.orders() == {}
        assert placed["id"] not in json.dumps(after.frames)
        with pytest.raises(Answer, match="not_found"):
            await after.command("order.cancel", order_id=placed["id"])
        assert "次の客" not in json.dumps(after.frames)


async def test_a_guest_who_moves_takes_the_orders_along(live: Live, admin: Connection, hotel: Hotel) -> None:
    front = await make_staff(admin, hotel, "front")
    first, second = hotel.rooms
    await call(live, f"/api/v1/stays/{second.stay_id}/check-out", {}, front)
    await admin.execute("UPDATE app.device_rooms SET wipe_requested_at = NULL")
    empty = msgspec.structs.replace(hotel.tablet(1), stay_id=None)
    async with screens(live, hotel.tablet(0), hotel.kitchen(), empty) as (guest, kitchen, new_tablet):
        placed = await order(guest, hotel)
        body = {"room_number": second.number, "orders": "move"}
        moved = await call(live, f"/api/v1/stays/{first.stay_id}/move", body, front)
        assert moved["status_code"] == 200, moved
        await guest.until(lambda: bool(guest.closes))
        assert guest.closes == [CloseCode.REVOKED]
        await new_tablet.until(lambda: bool(new_tablet.closes))
        assert new_tablet.closes[0] == CloseCode.TOKEN_EXPIRED
        # the kitchen's ticket says where to go now
        await kitchen.until(lambda: kitchen.orders()[placed["id"]]["room_number"] == second.number)
        moved_in = msgspec.structs.replace(hotel.tablet(1), stay_id=first.stay_id)
        async with live.screen(moved_in) as after:
            await after.reach(await head(admin, hotel))
            assert after.orders() == kitchen.orders()
        seen = kitchen.orders()
    async with live.screen(hotel.kitchen()) as fresh:
        await fresh.reach(await head(admin, hotel))
        assert fresh.orders() == seen


async def test_a_suspended_hotel_goes_dark_on_every_node(
    live: Live, settings: Settings, admin: Connection, hotel: Hotel, other_hotel: Hotel
) -> None:
    boss = await make_staff(admin, hotel, "super_admin")
    people = [await make_staff(admin, hotel, role) for role in ("front", "manager")]
    ours = (hotel.tablet(0), hotel.kitchen(), people[0])
    async with (
        running(settings, relay=False) as second,
        screens(live, *ours, other_hotel.kitchen()) as (*here, stranger),
        screens(second, hotel.tablet(1), people[1]) as there,
    ):
        path = f"/api/v1/tenants/{hotel.tenant_id}"
        closed = await call(live, f"{path}/suspend", {"reason": "water in the cellar"}, boss)
        assert closed["status_code"] == 200, closed
        for screen in (*here, *there):
            await closing(screen)
            assert screen.closes == [CloseCode.FORBIDDEN]
            assert screen.frames[-1]["reason"] == "This hotel is suspended."
        assert stranger.closes == []
        # whoever comes back is turned away, and opens again when the hotel does
        late = second.screen(hotel.kitchen())
        async with late:
            await late.until(lambda: bool(late.closes))
        assert late.closes == [CloseCode.FORBIDDEN]
        assert (await call(second, f"{path}/resume", {}, boss))["status_code"] == 200
        async with second.screen(hotel.kitchen()) as again:
            assert again.closes == []


async def test_a_contract_that_is_over_closes_like_a_suspension(
    live: Live, admin: Connection, hotel: Hotel
) -> None:
    async with live.screen(hotel.kitchen()) as kitchen:
        await admin.execute(
            "UPDATE app.tenants SET contract_end = current_date - 2 WHERE id = $1", hotel.tenant_id
        )
        await kitchen.until(lambda: bool(kitchen.closes))
        assert kitchen.closes == [CloseCode.FORBIDDEN]
        assert kitchen.frames[-1]["reason"] == "This hotel is expired."


async def test_a_socket_at_another_hotels_address_is_closed(
    settings: Settings, admin: Connection, hotel: Hotel, other_hotel: Hotel
) -> None:
    addressed = msgspec.structs.replace(settings, base_domain="hub.example")
    async with running(addressed, relay=False) as live:

        async def hello(slug: str) -> tuple[str, int | None]:
            """The first frame, and the code of a close that comes at once."""
            async with connect(
                f"ws://{slug}.hub.example/ws",
                host=live.host,
                port=live.port,
                subprotocols=[Subprotocol(SUBPROTOCOL)],
            ) as socket:
                await socket.send(json.dumps({"type": "hello", "token": token_of(hotel.kitchen())}))
                first: Document = json.loads(await socket.recv())
                if first["type"] == "bye":
                    with pytest.raises(ConnectionClosed):
                        await socket.recv()
                return first["type"], socket.close_code

        assert await hello(hotel.slug) == ("welcome", None)
        assert await hello(other_hotel.slug) == ("bye", CloseCode.BAD_TOKEN)
    events = "SELECT count(*) FROM app.audit_logs WHERE tenant_id = $1 AND operation = 'tenant.refused'"
    assert await admin.fetchval(events, hotel.tenant_id) == 1
