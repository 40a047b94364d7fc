"""The master test: for every command, a snapshot and the events after it add up to a fresh snapshot, for all
who may look: the kitchen, the room, and another room, which sees nothing of it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from tests.realtime.conftest import Live, head, running, screens
from tests.realtime.screens import Answer, Document, Screen

if TYPE_CHECKING:
    from hub.db.pool import Connection
    from hub.settings import Settings
    from tests.factories import Hotel

NOW = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
async def frozen(settings: Settings) -> AsyncIterator[Live]:
    """A hub whose clock stands still."""
    async with running(settings, clock=lambda: NOW) as hub:
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
    order = await scene.place(("soup", 1), ("curry", 1))
    await scene.cook("order.advance", order, to="cooking")
    await scene.cook("order.cancel", order, items=[1], reason="sold_out")
    await scene.cook("order.acknowledge", order)
    await scene.cook("order.cancel", order, reason="guest left")
    await scene.cook("order.acknowledge", order)
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
        sold_out, last_portion, refused,
    ],
)  # fmt: skip
async def test_snapshot_and_events_add_up(scene: Scene, act: Callable[[Scene], Awaitable[None]]) -> None:
    await act(scene)
