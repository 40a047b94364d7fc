"""The master test: for every command, a snapshot and the events after it add up to a fresh snapshot, for all
who may look: the kitchen, the room, and another room, which sees nothing of it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

import msgspec
import pytest

from hub.ops.appointments import Appointments
from hub.ops.ladder import Ladder
from tests.realtime.conftest import Live, head, running, screens
from tests.realtime.screens import Answer, Document, Screen

if TYPE_CHECKING:
    from hub.db.pool import Connection
    from hub.settings import Settings
    from tests.factories import Hotel

NOW = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)


async def nothing_due(_: object) -> float:
    return 60.0


@pytest.fixture(scope="module")
async def frozen(settings: Settings) -> AsyncIterator[Live]:
    """A hub whose clock stands still, and which reads every snapshot anew: one that it had kept would be
    brought up to date by the very events that it is to be compared with. For the clock of its database all of
    it is past: alerts would be raised and dishes brought back while they are compared."""
    forgetful = msgspec.structs.replace(settings, replay_max_events=1)
    with pytest.MonkeyPatch.context() as patch:
        for job in (Ladder, Appointments):
            patch.setattr(job, "look", nothing_due)
        async with running(forgetful, clock=lambda: NOW) as hub:
            yield hub


class Scene:
    """A room, another room and the kitchen, all live; commands and the check after each."""

    def __init__(
        self, live: Live, admin: Connection, hotel: Hotel, room: Screen, kitchen: Screen, other: Screen
    ) -> None:
        self.hotel = hotel
        self.room = room
        self.kitchen = kitchen
        self._live = live
        self._admin = admin
        self._screens = (room, kitchen, other)
        self._other = other

    async def place(self, *lines: tuple[str, int], **args: object) -> Document:
        wanted = [{"menu_item_id": str(self.hotel.menu[name]), "quantity": number} for name, number in lines]
        result = await self.room.command("order.place", lines=wanted, **args)
        await self.check()
        order: Document = result["order"]
        return order

    async def cook(self, name: str, order: Document, **args: object) -> Document:
        result = await self.kitchen.command(name, order_id=order["id"], **args)
        await self.check()
        changed: Document = result["order"]
        assert self.kitchen.documents[("order", order["id"])] == changed
        return changed

    async def write(self, statement: str, *values: object) -> None:
        """As another system does."""
        await self._admin.execute(statement, *values)

    async def check(self) -> None:
        """Every live screen equals a fresh one, and the database."""
        seq = await head(self._admin, self.hotel)
        for screen in self._screens:
            await screen.reach(seq)
            async with self._live.screen(screen.principal) as fresh:
                await fresh.reach(seq)
                assert screen.state(NOW) == fresh.state(NOW)
        assert self._other.orders() == {}
        rows = await self._admin.fetch(
            "SELECT document::text FROM app.order_documents WHERE tenant_id = $1", self.hotel.tenant_id
        )
        assert set(self.room.orders()) <= {json_id(row["document"]) for row in rows}


def json_id(text: str) -> str:
    value: str = json.loads(text)["id"]
    return value


@pytest.fixture
async def scene(frozen: Live, admin: Connection, hotel: Hotel) -> AsyncIterator[Scene]:
    async with screens(frozen, hotel.tablet(0), hotel.kitchen(), hotel.tablet(1)) as (room, kitchen, other):
        yield Scene(frozen, admin, hotel, room, kitchen, other)


async def place(scene: Scene) -> None:
    await scene.place(("soup", 2), ("cake", 1), special_requests="箸を二膳")


async def quote(scene: Scene) -> None:
    await scene.room.command(
        "order.quote", lines=[{"menu_item_id": str(scene.hotel.menu["soup"]), "quantity": 1}]
    )
    await scene.check()


async def advance(scene: Scene) -> None:
    order = await scene.place(("soup", 1), ("curry", 1))
    for to in ("cooking", "ready", "delivering", "delivered"):
        await scene.cook("order.advance", order, to=to)
    await scene.cook("order.advance", order, to="delivered")


async def advance_item(scene: Scene) -> None:
    order = await scene.place(("soup", 1), ("curry", 1))
    for line in (1, 2):
        for to in ("cooking", "ready"):
            order = await scene.cook("item.advance", order, line=line, to=to)
    assert order["status"] == "ready"


async def recall(scene: Scene) -> None:
    order = await scene.place(("soup", 1))
    for to in ("cooking", "ready", "delivering", "delivered"):
        await scene.cook("order.advance", order, to=to)
    order = await scene.cook("order.recall", order)
    assert (order["status"], order["recall_count"]) == ("ready", 1)


async def undo(scene: Scene) -> None:
    order = await scene.place(("soup", 1))
    await scene.cook("order.advance", order, to="cooking")
    order = await scene.cook("order.recall", order, undo=True)
    assert (order["status"], order["recall_count"]) == ("received", 0)


async def cancel_by_guest(scene: Scene) -> None:
    order = await scene.place(("cake", 2))
    await scene.room.command("order.cancel", order_id=order["id"])
    await scene.check()


async def cancel_and_acknowledge(scene: Scene) -> None:
    curry = scene.hotel.menu["curry"]
    await scene.write("UPDATE app.menu_items SET station = 'bar' WHERE id = $1", curry)
    order = await scene.place(("soup", 1), ("curry", 1), ("cake", 1))
    await scene.cook("order.advance", order, to="cooking")
    await scene.cook("order.cancel", order, items=[1], reason="sold_out")
    await scene.cook("order.acknowledge", order)
    await scene.cook("order.cancel", order, reason="guest left")
    order = await scene.cook("order.acknowledge", order, stations=["bar"])
    assert order["cancel_acked_stations"] == ["bar"]
    assert ("order", order["id"]) in scene.kitchen.state(NOW)
    await scene.cook("order.acknowledge", order, stations=["kitchen"])
    assert scene.kitchen.state(NOW).get(("order", order["id"])) is None


async def seen(scene: Scene) -> None:
    order = await scene.place(("soup", 1))
    await scene.kitchen.command("order.seen", order_ids=[order["id"]])
    await scene.check()
    assert scene.room.documents[("order", order["id"])]["shown_at"] is not None


async def sold_out(scene: Scene) -> None:
    soup = str(scene.hotel.menu["soup"])
    await scene.kitchen.command("menu.sold_out", menu_item_id=soup, sold_out=True)
    await scene.check()
    assert scene.room.documents[("menu_item", soup)]["sold_out"] is True


async def last_portion(scene: Scene) -> None:
    await scene.place(("cake", 3))
    assert scene.room.documents[("menu_item", str(scene.hotel.menu["cake"]))]["sold_out"] is True


async def few_portions(scene: Scene) -> None:
    await scene.write("UPDATE app.menu_items SET stock_quantity = 6 WHERE id = $1", scene.hotel.menu["cake"])
    await scene.place(("cake", 2))
    told = [frame["data"]["left"] for frame in scene.kitchen.frames if frame.get("kind") == "low_stock"]
    assert told == [4]
    assert not [frame for frame in scene.room.frames if frame.get("kind") == "low_stock"]


async def sold_out_until_service(scene: Scene) -> None:
    key = ("menu_item", str(scene.hotel.menu["soup"]))
    await scene.kitchen.command("menu.sold_out", menu_item_id=key[1], sold_out=True, until="service")
    await scene.check()
    # 05:00 in Tokyo: the next business day
    assert scene.room.documents[key]["sold_out_until"] == "2026-11-21T20:00:00.000Z"
    await scene.write(
        "UPDATE app.menu_items SET sold_out_until = now() WHERE id = $1", scene.hotel.menu["soup"]
    )
    await scene.write("SELECT app.bring_back($1, 20)", scene.hotel.tenant_id)
    await scene.check()
    assert scene.room.documents[key]["sold_out"] is False


async def wished_for_later(scene: Scene) -> None:
    order = await scene.place(("soup", 1), due_at="2026-11-21T05:00:00Z")
    assert order["fire_at"] == "2026-11-21T04:40:00.000Z"
    with pytest.raises(Answer, match="invalid_transition"):
        await scene.cook("order.advance", order, to="cooking")
    await scene.room.command("order.cancel", order_id=order["id"])
    await scene.check()


async def pause(scene: Scene) -> None:
    hotel = ("hotel", str(scene.hotel.tenant_id))
    paused = await scene.kitchen.command("kitchen.pause", minutes=20, message_ja="満席")
    await scene.check()
    assert scene.room.documents[hotel]["pause"] == paused["pause"]
    with pytest.raises(Answer, match="kitchen_paused"):
        await scene.place(("soup", 1))
    await scene.kitchen.command("kitchen.resume")
    await scene.check()
    assert scene.room.documents[hotel]["pause"] is None


async def accept_and_rush(scene: Scene) -> None:
    order = await scene.place(("soup", 1))
    await scene.cook("order.accept", order)
    for rush in (True, False):
        order = await scene.cook("order.rush", order, rush=rush)
    assert (order["status"], order["accepted_at"] is not None) == ("received", True)


async def declare(scene: Scene) -> None:
    """What the party must not eat is for the screens of its stay alone; orders that were placed stay as they
    are."""
    order = await scene.place(("soup", 1))
    stay = str(scene.hotel.rooms[0].stay_id)
    for allergens in (["egg", "milk"], []):
        said = await scene.room.command("stay.declare", allergens=allergens)
        await scene.check()
        assert scene.room.documents[("stay", stay)] == said["stay"]
        assert said["stay"]["allergens"] == allergens
    assert scene.room.documents[("order", order["id"])]["declared_allergens"] == []
    assert not [key for key in scene.kitchen.documents if key[0] == "stay"]


async def allergy(scene: Scene) -> None:
    await scene.write(
        "UPDATE app.menu_items SET allergens = '{egg}', station = name_en WHERE id = ANY ($1)",
        [scene.hotel.menu[name] for name in ("soup", "curry")],
    )
    await scene.room.command("stay.declare", allergens=["egg"])
    order = await scene.place(("soup", 1), ("curry", 1), allergens_confirmed=True)
    with pytest.raises(Answer, match="allergy_not_acknowledged"):
        await scene.cook("order.advance", order, to="cooking")
    await scene.cook("order.acknowledge_allergy", order, stations=["soup"])
    order = await scene.cook("order.advance", order, to="cooking", items=[1])
    assert [item["status"] for item in order["items"]] == ["cooking", "pending"]
    assert (order["allergy_acked_stations"], order["allergy_acked_at"]) == (["soup"], None)
    order = await scene.cook("order.acknowledge_allergy", order, stations=["curry"])
    assert order["allergy_acked_at"] is not None


async def fire_and_carry(scene: Scene) -> None:
    order = await scene.place(("soup", 1))
    await scene.write(
        "UPDATE app.orders SET fire_at = $2 WHERE id = $1", order["id"], NOW + timedelta(hours=1)
    )
    await scene.cook("order.advance", order, to="cooking", now=True)
    await scene.cook("order.advance", order, to="ready")
    order = await scene.cook("order.advance", order, to="delivering", trip_id=str(uuid4()))
    assert order["trip_id"] is not None
    order = await scene.cook("order.recall", order)
    assert order["trip_id"] is None


async def recent(scene: Scene) -> None:
    order = await scene.place(("cake", 1))
    order = await scene.cook("order.advance", order, to="ready")
    (entry,) = (await scene.kitchen.command("order.recent"))["orders"]
    assert (entry["order"], entry["by"]) == (order, "Kitchen 1")
    await scene.check()


async def configure(scene: Scene) -> None:
    screen = ("screen", str(scene.hotel.kitchen_id))
    assert scene.kitchen.documents[screen]["settings"] == {}
    settings = {"view": "expo", "columns": 5, "sounds": {"late": True, "volume": 60}, "keys": {"bump": "b"}}
    told = await scene.kitchen.command("screen.configure", settings=settings)
    await scene.check()
    assert scene.kitchen.documents[screen] == told["screen"]
    assert scene.kitchen.documents[screen]["settings"] == settings
    await scene.write(
        "UPDATE app.device_rooms SET device_name = 'Grill' WHERE id = $1", scene.hotel.kitchen_id
    )
    await scene.check()
    assert scene.kitchen.documents[screen]["name"] == "Grill"
    assert not [key for key in scene.room.documents if key[0] == "screen"]
    assert scene.kitchen.closes == []


async def unanswered(scene: Scene) -> None:
    order = await scene.place(("soup", 1))
    await scene.write(
        "UPDATE app.orders SET created_at = now() - interval '1 hour' WHERE id = $1", order["id"]
    )
    await scene.write("SELECT app.raise_alerts($1, false, 20)", scene.hotel.tenant_id)
    await scene.check()
    assert list(scene.kitchen.documents[("order", order["id"])]["alerts"]) == [
        "hook",
        "page",
        "chime",
        "unseen",
    ]
    await scene.cook("order.accept", order)


async def silent_tablet(scene: Scene) -> None:
    """One that no session here belongs to: the hub writes by itself that those are not silent."""
    order = await scene.place(("soup", 1))
    tablet = uuid4()
    await scene.write(
        "INSERT INTO app.device_rooms (tenant_id, id, device_name, device_type, room_number, status)"
        " VALUES ($1, $2, 'Tablet 103', 'tablet', '103', 'active')", scene.hotel.tenant_id, tablet,
    )  # fmt: skip
    await scene.write("UPDATE app.orders SET room_number = '103' WHERE id = $1", UUID(order["id"]))
    await scene.write(
        "INSERT INTO app.device_presence (tenant_id, device_id, online, session_generation, last_seen_at)"
        " VALUES ($1, $2, false, 1, $3)", scene.hotel.tenant_id, tablet, NOW - timedelta(minutes=5),
    )  # fmt: skip
    since = NOW - timedelta(minutes=2)
    await scene.write("SELECT app.note_silent_tablets($1, $2, 20)", scene.hotel.tenant_id, since)
    await scene.check()
    told = scene.kitchen.documents[("silent_tablet", str(tablet))]
    assert told == {"id": str(tablet), "room_number": "103", "last_seen_at": "2026-11-21T02:55:00.000Z"}
    assert not [key for key in scene.room.documents if key[0] == "silent_tablet"]
    await scene.write("UPDATE app.device_presence SET silent_room = NULL WHERE device_id = $1", tablet)
    await scene.check()
    assert ("silent_tablet", str(tablet)) not in scene.kitchen.documents


async def phones(scene: Scene) -> None:
    """The phones of a stay are known to the screens of that stay alone."""
    ids = []
    for _ in range(2):
        told = await scene.room.command("phone.invite")
        await scene.write(
            "SELECT app.claim_code(sha256($1::text::bytea), sha256('x'))", told["url"].partition("=")[2]
        )
        await scene.check()
        ids = [key[1] for key in scene.room.documents if key[0] == "phone"]
    assert len(ids) == 2
    await scene.write("UPDATE app.device_rooms SET status = 'retired' WHERE id = $1", ids[0])
    await scene.check()
    assert [key[1] for key in scene.room.documents if key[0] == "phone"] == ids[1:]
    assert not [key for key in scene.kitchen.documents if key[0] == "phone"]


async def pages(scene: Scene) -> None:
    await scene.write(
        "INSERT INTO app.pages (tenant_id, slug, title_ja, title_en, content_ja, content_en, is_published)"
        " SELECT $1, slug, '湯', 'Bath', '<p>湯</p>', '<p>Bath</p>', slug <> 'draft'"
        " FROM unnest(ARRAY['bath', 'spa', 'draft']) AS slug",
        scene.hotel.tenant_id,
    )
    await scene.check()
    for change, slugs in (
        ("display_order = 3", ["bath", "spa"]),
        ("is_published = slug <> 'spa'", ["bath", "draft"]),
        ("expires_at = now() + interval '1 day', floors = '{2}'", ["bath", "draft"]),
        ("is_published = false", []),
    ):
        await scene.write(f"UPDATE app.pages SET {change} WHERE tenant_id = $1", scene.hotel.tenant_id)
        await scene.check()
        shown = [data["slug"] for key, data in scene.room.documents.items() if key[0] == "page"]
        assert sorted(shown) == slugs


async def refused(scene: Scene) -> None:
    before = scene.room.state()
    with pytest.raises(Answer, match="not_found"):
        await scene.kitchen.command("order.advance", order_id=str(uuid4()), to="cooking")
    with pytest.raises(Answer, match="out_of_stock"):
        await scene.place(("cake", 4))
    await scene.check()
    assert scene.room.state() == before


@pytest.mark.parametrize(
    "act",
    [
        place, quote, advance, advance_item, recall, undo, cancel_by_guest, cancel_and_acknowledge, seen,
        sold_out, last_portion, few_portions, sold_out_until_service, wished_for_later, pause,
        accept_and_rush, declare, allergy, fire_and_carry, recent, configure, unanswered, silent_tablet,
        phones, pages, refused,
    ],
)  # fmt: skip
async def test_snapshot_and_events_add_up(scene: Scene, act: Callable[[Scene], Awaitable[None]]) -> None:
    await act(scene)
