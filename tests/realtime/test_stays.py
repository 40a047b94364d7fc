"""The next guest of a room sees nothing of the last one's orders: live, by replay, by snapshot, by HTTP."""

from __future__ import annotations

import asyncio
import http.client
import json
from typing import TYPE_CHECKING

import msgspec
import pytest

from tests.realtime.conftest import Live, head, screens
from tests.realtime.screens import Answer, Document, Screen, token_of

if TYPE_CHECKING:
    from hub.db.pool import Connection
    from hub.security.principal import Principal
    from tests.factories import Hotel


async def next_stay(admin: Connection, hotel: Hotel) -> Principal:
    """Check the first room out and in again; the new guest's principal."""
    room = hotel.rooms[0]
    async with admin.transaction():
        await admin.execute(
            "UPDATE app.stays SET ended_at = now() WHERE tenant_id = $1 AND id = $2",
            hotel.tenant_id,
            room.stay_id,
        )
        stay_id = await admin.fetchval(
            "INSERT INTO app.stays (tenant_id, room_number) VALUES ($1, $2) RETURNING id",
            hotel.tenant_id,
            room.number,
        )
    return msgspec.structs.replace(hotel.tablet(0), stay_id=stay_id)


async def order(screen: Screen, hotel: Hotel) -> Document:
    lines = [{"menu_item_id": str(hotel.menu["soup"]), "quantity": 1}]
    placed: Document = (await screen.command("order.place", lines=lines))["order"]
    return placed


def get(live: Live, principal: Principal, path: str) -> tuple[int, Document]:
    connection = http.client.HTTPConnection(live.host, live.port, timeout=10)
    try:
        connection.request("GET", path, headers={"Authorization": f"Bearer {token_of(principal)}"})
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


async def test_the_last_guest_is_cut_off_and_the_next_sees_nothing(
    live: Live, admin: Connection, hotel: Hotel
) -> None:
    async with screens(live, hotel.tablet(0), hotel.kitchen()) as (before, kitchen):
        placed = await order(before, hotel)
        await kitchen.until(lambda: placed["id"] in kitchen.orders())
        new_guest = await next_stay(admin, hotel)

        # The old session is told, and closed for good.
        await before.until(lambda: bool(before.closes))
        assert before.closes == [4503]
        ended = [frame["data"]["topic"] for frame in before.frames if frame.get("kind") == "topic.ended"]
        assert ended[0] == f"stay:{hotel.rooms[0].stay_id}"
        assert before.frames[-1]["type"] == "bye"

        # By snapshot, and live: the old order is still cooked.
        async with live.screen(new_guest) as after:
            assert after.orders() == {}
            await kitchen.command("order.advance", order_id=placed["id"], to="cooking")
            await after.reach(await head(admin, hotel))
            assert after.orders() == {}
            assert placed["id"] not in json.dumps(after.frames)

            # By command.
            with pytest.raises(Answer, match="not_found"):
                await after.command("order.cancel", order_id=placed["id"])

        # By replay from before the old order.
        back = live.screen(new_guest)
        back.position = (str(await epoch(admin, hotel)), 0)
        async with back:
            await back.reach(await head(admin, hotel))
            assert back.snapshots == []
            assert placed["id"] not in json.dumps(back.frames)

    # By HTTP.
    status, listed = await asyncio.to_thread(get, live, new_guest, "/api/v1/orders")
    assert (status, listed["orders"]) == (200, [])
    status, problem = await asyncio.to_thread(get, live, new_guest, f"/api/v1/orders/{placed['id']}")
    assert (status, problem["code"]) == (404, "not_found")


async def test_a_token_of_the_last_stay_opens_nothing(live: Live, admin: Connection, hotel: Hotel) -> None:
    old_guest = hotel.tablet(0)
    async with live.screen(old_guest) as screen:
        await order(screen, hotel)
    await next_stay(admin, hotel)
    late = live.screen(old_guest)
    async with late:
        await late.until(lambda: bool(late.closes))
    assert late.closes == [4503]
    assert [frame["type"] for frame in late.frames] == ["welcome", "bye"]


async def test_an_order_that_moves_to_another_stay_leaves_the_old_room(
    live: Live, admin: Connection, hotel: Hotel
) -> None:
    principals = (hotel.tablet(0), hotel.tablet(1), hotel.kitchen())
    async with screens(live, *principals) as (old, new, kitchen):
        placed = await order(old, hotel)
        await admin.execute(
            "UPDATE app.orders SET stay_id = $3, room_number = $4 WHERE tenant_id = $1 AND id = $2",
            hotel.tenant_id,
            placed["id"],
            hotel.rooms[1].stay_id,
            hotel.rooms[1].number,
        )
        seq = await head(admin, hotel)
        for screen in (old, new, kitchen):
            await screen.reach(seq)
        assert old.orders() == {}
        assert set(new.orders()) == {placed["id"]}
        assert kitchen.orders()[placed["id"]]["room_number"] == hotel.rooms[1].number


async def epoch(admin: Connection, hotel: Hotel) -> object:
    return await admin.fetchval("SELECT epoch FROM app.tenant_heads WHERE tenant_id = $1", hotel.tenant_id)


@pytest.mark.parametrize(
    "change",
    ["status = 'lost'", "room_number = '999'", "deleted_at = now()", "credential_hash = sha256('new')"],
)
async def test_a_device_that_is_no_longer_what_its_token_says_is_cut_off(
    live: Live, admin: Connection, hotel: Hotel, change: str
) -> None:
    async with screens(live, hotel.tablet(0), hotel.kitchen()) as (tablet, kitchen):
        await admin.execute(
            f"UPDATE app.device_rooms SET {change} WHERE tenant_id = $1 AND id = $2",
            hotel.tenant_id,
            hotel.rooms[0].tablet_id,
        )
        await tablet.until(lambda: bool(tablet.closes))
        assert tablet.closes == [4503]
        await kitchen.reach(await head(admin, hotel))
        assert kitchen.closes == []


async def test_a_stay_that_moves_to_another_room_leaves_the_old_rooms_tablet(
    live: Live, admin: Connection, hotel: Hotel
) -> None:
    async with live.screen(hotel.tablet(0)) as tablet:
        await admin.execute(
            "UPDATE app.stays SET room_number = '998' WHERE tenant_id = $1 AND id = $2",
            hotel.tenant_id,
            hotel.rooms[0].stay_id,
        )
        await tablet.until(lambda: bool(tablet.closes))
        assert tablet.closes == [4503]
