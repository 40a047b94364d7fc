"""A guest's phones and the tablet of the room: one stay on all of them, live, and nothing of it later."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from uuid import UUID

import httpx
import msgspec
import pytest

from hub.devices.phones import Phones
from hub.errors import StayEnded
from hub.operations import Operations
from hub.realtime.protocol import CloseCode
from hub.security.sealing import MasterKeys
from hub.security.tokens import Tokens
from hub.security.vault import Vault
from tests.conftest import MASTER_KEY, TOKEN_KEY
from tests.factories import make_staff
from tests.realtime.conftest import Live, head, running, screens
from tests.realtime.peer import peer
from tests.realtime.screens import Answer, Document, Screen

if TYPE_CHECKING:
    from hub.db.database import Database
    from hub.db.pool import Connection
    from hub.security.principal import Principal
    from hub.settings import Settings
    from tests.factories import Hotel

TOKENS = Tokens((TOKEN_KEY,), 900)


async def post(live: Live, path: str, body: object) -> httpx.Response:
    transport = httpx.ASGITransport(live.hub.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://hub") as client:
        return await client.post(path, json=body)


async def invited(screen: Screen) -> str:
    """The code that a tablet shows."""
    told = await screen.command("phone.invite")
    url: str = told["url"]
    assert url.startswith(f"http://{screen._address()[0]}:{screen._address()[1]}/tablet#claim="), url
    return url.partition("=")[2]


async def claimed(live: Live, code: str) -> tuple[Principal, dict[str, Any]]:
    """A phone that has scanned it, and what it keeps."""
    answer = await post(live, "/api/v1/devices/claim", {"code": code})
    assert answer.status_code == 200, answer.text
    return TOKENS.verify(answer.json()["token"]), answer.json()


async def order(screen: Screen, hotel: Hotel) -> Document:
    lines = [{"menu_item_id": str(hotel.menu["soup"]), "quantity": 1}]
    placed: Document = (await screen.command("order.place", lines=lines))["order"]
    return placed


async def shows(screen: Screen, order_id: str, status: str | None = None) -> None:
    """Wait until it shows that order, in that state."""

    def there() -> bool:
        found = screen.orders().get(order_id)
        return found is not None and status in (None, found["status"])

    await screen.until(there)


async def closed(screen: Screen) -> None:
    await screen.until(lambda: bool(screen.closes))


def phones(screen: Screen) -> set[str]:
    return {key[1] for key in screen.documents if key[0] == "phone"}


async def test_all_of_the_stay_is_on_both_and_live(live: Live, admin: Connection, hotel: Hotel) -> None:
    async with live.screen(hotel.tablet()) as tablet:
        before = await order(tablet, hotel)
        principal, _ = await claimed(live, await invited(tablet))
        await tablet.until(lambda: phones(tablet) == {str(principal.id)})
        async with live.screen(principal) as phone, live.screen(hotel.kitchen()) as kitchen:
            assert phone.orders().keys() == {before["id"]}
            assert phones(phone) == {str(principal.id)}
            placed = await order(phone, hotel)
            assert placed["channel"] == "phone"
            for screen in (tablet, phone, kitchen):
                await shows(screen, placed["id"])
            await kitchen.command("order.advance", order_id=placed["id"], to="cooking")
            for screen in (tablet, phone):
                await shows(screen, placed["id"], "cooking")
            assert tablet.orders() == phone.orders()
            said = await phone.command("stay.declare", allergens=["egg"])
            await tablet.reach(await head(admin, hotel))
            key = ("stay", str(hotel.rooms[0].stay_id))
            assert tablet.documents[key] == phone.documents[key] == said["stay"]
            assert tablet.closes == []


async def test_a_phone_does_not_displace_the_tablet_nor_another_phone(
    settings: Settings, admin: Connection, hotel: Hotel
) -> None:
    """The newest session of a device wins; each phone is a device."""
    first, second = [await hotel.phone(admin) for _ in range(2)]
    async with (
        running(settings, twins=False, relay=False) as live,
        screens(live, hotel.tablet(), first, second) as (tablet, phone, other),
        live.screen(first) as newer,
    ):
        await closed(phone)
        assert phone.closes == [CloseCode.REPLACED]
        assert (tablet.closes, other.closes, newer.closes) == ([], [], [])


async def test_a_phone_invites_nobody(live: Live, admin: Connection, hotel: Hotel) -> None:
    for principal in (await hotel.phone(admin), hotel.kitchen(), await make_staff(admin, hotel, "manager")):
        async with live.screen(principal) as screen:
            with pytest.raises(Answer, match="forbidden"):
                await screen.command("phone.invite")


async def test_a_tablet_without_a_guest_invites_nobody(live: Live, admin: Connection, hotel: Hotel) -> None:
    empty = msgspec.structs.replace(hotel.tablet(), stay_id=None)
    async with live.screen(empty) as tablet:
        with pytest.raises(Answer, match="stay_ended"):
            await tablet.command("phone.invite")


async def test_the_tablet_of_the_old_room_invites_nobody_to_the_new_one(
    database: Database, admin: Connection, hotel: Hotel
) -> None:
    """Its token names the stay for some minutes yet, and so do screens that were there before."""
    await admin.execute("UPDATE app.stays SET room_number = '998' WHERE id = $1", hotel.rooms[0].stay_id)
    operations = Operations(database, Vault(MasterKeys((MASTER_KEY,))), Phones("http://hub").operations())
    with pytest.raises(StayEnded):
        await operations.call("phone.invite", hotel.tablet(), None, b"{}")
    assert (
        await admin.fetchval(
            "SELECT count(*) FROM app.pairing_codes WHERE stay_id = $1", hotel.rooms[0].stay_id
        )
        == 0
    )


async def test_the_guest_leaves(live: Live, admin: Connection, hotel: Hotel) -> None:
    first, second, neighbour = [await hotel.phone(admin, room) for room in (0, 0, 1)]
    async with screens(live, first, second, neighbour) as (phone, other, next_door):
        placed = await order(phone, hotel)
        await admin.execute("UPDATE app.stays SET ended_at = now() WHERE id = $1", hotel.rooms[0].stay_id)
        for screen in (phone, other):
            await closed(screen)
            assert screen.closes == [CloseCode.REVOKED]
            told = [frame for frame in screen.frames if frame.get("kind") == "topic.ended"]
            assert told[0]["data"]["topic"] == f"stay:{hotel.rooms[0].stay_id}"
        await next_door.reach(await head(admin, hotel))
        assert next_door.closes == []
        assert placed["id"] not in json.dumps(next_door.frames)
    # by a token of then: nothing, by no way in
    async with peer(live) as late:
        await late.send({"type": "hello", "token": TOKENS.issue(first)[0]})
        end = await late.end()
        assert end.code == CloseCode.REVOKED
        assert {frame["type"] for frame in late.frames} <= {"welcome", "bye"}


async def test_the_next_guest_and_the_last_ones_phone(live: Live, admin: Connection, hotel: Hotel) -> None:
    old = await hotel.phone(admin)
    room = hotel.rooms[0]
    async with admin.transaction():
        await admin.execute("UPDATE app.stays SET ended_at = now() WHERE id = $1", room.stay_id)
        stay_id: UUID = await admin.fetchval(
            "INSERT INTO app.stays (tenant_id, room_number) VALUES ($1, $2) RETURNING id",
            hotel.tenant_id,
            room.number,
        )
    async with live.screen(msgspec.structs.replace(hotel.tablet(), stay_id=stay_id)) as tablet:
        assert phones(tablet) == set()
        placed = await order(tablet, hotel)
        # its own token, and one that says the new stay; also when somebody has let it in again
        for status in ("retired", "active"):
            await admin.execute("UPDATE app.device_rooms SET status = $2 WHERE id = $1", old.id, status)
            for principal in (old, msgspec.structs.replace(old, stay_id=stay_id)):
                late = live.screen(principal)
                async with late:
                    await closed(late)
                assert late.closes == [CloseCode.REVOKED]
                assert placed["id"] not in json.dumps(late.frames)


async def test_the_ninth_phone_closes_the_first(live: Live, admin: Connection, hotel: Hotel) -> None:
    async with live.screen(hotel.tablet()) as tablet:
        principals = [(await claimed(live, await invited(tablet)))[0] for _ in range(8)]
        async with screens(live, principals[0], principals[1]) as (first, second):
            ninth, _ = await claimed(live, await invited(tablet))
            await closed(first)
            assert first.closes == [CloseCode.REVOKED]
            await tablet.until(lambda: str(ninth.id) in phones(tablet) and len(phones(tablet)) == 8)
            await second.reach(await head(admin, hotel))
            assert second.closes == []


async def test_the_floor_of_the_room_comes_along(live: Live, admin: Connection, hotel: Hotel) -> None:
    await admin.execute("UPDATE app.device_rooms SET floor = '12' WHERE id = $1", hotel.rooms[0].tablet_id)
    upstairs = msgspec.structs.replace(hotel.tablet(), floor="12")
    async with live.screen(upstairs) as tablet:
        principal, _ = await claimed(live, await invited(tablet))
        assert principal.floor == "12"
    async with peer(live) as phone:
        welcome = await phone.hello(principal)
        assert (welcome["principal"]["kind"], welcome["principal"]["floor"]) == ("phone", "12")
    async with live.screen(upstairs) as tablet:
        await admin.execute(
            "UPDATE app.device_rooms SET floor = '13' WHERE id = $1", hotel.rooms[0].tablet_id
        )
        await closed(tablet)
        assert tablet.closes == [CloseCode.TOKEN_EXPIRED], "a fresh token says the other floor"
