"""API10:2023 Unsafe consumption of APIs: believing what another service says, here Redis, NOTIFY and the mail
server."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import msgspec
import pytest
import redis.asyncio

from hub.errors import Unavailable
from hub.log.event import Event
from hub.realtime.broker import Channels
from hub.realtime.marks import Marks
from hub.realtime.relay import BELL
from hub.staff.mail import Letter, SmtpMailer
from tests.realtime.conftest import Live, head, screens

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from hub.db.pool import Connection
    from hub.settings import Settings
    from tests.factories import Hotel
    from tests.realtime.screens import Screen

FAKE = "00000000-0000-4000-8000-00000000beef"


class Courier:
    """Somebody who may write into Redis, and read there."""

    def __init__(self, settings: Settings) -> None:
        self.client = redis.asyncio.Redis.from_url(settings.redis_url or "", protocol=2)
        self.channels = Channels(settings.namespace)

    async def forge(self, hotel: Hotel, message: bytes) -> None:
        """On the channel of the hotel's events; the hub does listen there."""
        assert await self.client.publish(self.channels.events(hotel.tenant_id), message) == 1


@pytest.fixture
async def courier(settings: Settings) -> AsyncIterator[Courier]:
    made = Courier(settings)
    yield made
    await made.client.aclose()


def fake(hotel: Hotel, screen: Screen, ahead: int = 1, **changes: object) -> bytes:
    """An event as the relay would publish it: an order that nobody has placed."""
    assert screen.position is not None
    epoch, seq = screen.position
    event = {
        "tenant_id": hotel.tenant_id,
        "epoch": epoch,
        "seq": seq + ahead,
        "kind": "order",
        "topics": ["kitchen", f"stay:{hotel.rooms[0].stay_id}"],
        "data": {"id": FAKE, "status": "received", "finished_at": None},
        "at": "2026-11-21T12:00:00.000Z",
    }
    return msgspec.json.encode(event | changes)


async def place(hotel: Hotel, tablet: Screen) -> str:
    line: dict[str, Any] = {"menu_item_id": str(hotel.menu["soup"]), "quantity": 1}
    order_id: str = (await tablet.command("order.place", lines=[line]))["order"]["id"]
    return order_id


async def same_as_fresh(live: Live, admin: Connection, hotel: Hotel, *old: Screen) -> None:
    """Each screen shows what one shows that has just come, and that takes its place."""
    for screen in old:
        seq = await head(admin, hotel)
        await screen.reach(seq)
        async with live.screen(screen.principal) as fresh:
            await fresh.reach(seq)
            assert screen.state() == fresh.state()


async def test_forged_events_reach_no_screen(
    live: Live, admin: Connection, hotel: Hotel, other_hotel: Hotel, courier: Courier
) -> None:
    """Defence: hub/realtime/marks.py take, and behind it the rule of hub/realtime/feed.py receive."""
    everybody = (hotel.tablet(), hotel.kitchen(), other_hotel.kitchen())
    async with screens(live, *everybody) as (tablet, kitchen, stranger):
        forgeries = [
            b"",
            b"{",
            b"\0" * 5000,
            fake(hotel, kitchen),
            fake(hotel, kitchen, 2),
            fake(hotel, kitchen, 2**40),
            fake(hotel, kitchen, epoch=str(uuid4())),
            fake(hotel, kitchen, tenant_id=str(other_hotel.tenant_id)),
            fake(hotel, kitchen, kind="topic.ended", data={"reason": "revoked"}),
            bytes(16) + fake(hotel, kitchen),
            Marks([b"a key that somebody made up"]).put(
                courier.channels.events(hotel.tenant_id), fake(hotel, kitchen)
            ),
        ]
        for message in forgeries:
            await courier.forge(hotel, message)
        order_id = await place(hotel, tablet)
        await kitchen.reach(await head(admin, hotel))
        assert {one.connections for one in (tablet, kitchen, stranger)} == {1}
        await same_as_fresh(live, admin, hotel, tablet, kitchen)
        assert FAKE not in kitchen.orders()
        assert order_id in kitchen.orders()
        assert not stranger.orders()


def test_a_mark_is_good_on_its_own_channel_alone() -> None:
    """Defence: hub/realtime/marks.py, the channel in the mark."""
    first, second = Marks([b"one", b"two"]), Marks([b"two"])
    marked = second.put("a", b"message")
    assert first.take("a", marked) == b"message", "a key that is being changed is known to all"
    assert second.take("a", first.put("a", b"message")) is None
    assert second.take("b", marked) is None
    for changed in (marked[:-1], marked[1:], marked + b"x", bytes(len(marked)), b""):
        assert second.take("a", changed) is None


async def test_without_marks_a_forged_event_is_shown(
    live: Live, hotel: Hotel, courier: Courier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Marks, "take", lambda self, channel, marked: marked)
    async with screens(live, hotel.kitchen()) as (kitchen,):
        await courier.forge(hotel, fake(hotel, kitchen))
        await kitchen.until(lambda: FAKE in kitchen.orders())


async def test_what_was_published_once_cannot_be_sent_again(
    live: Live, admin: Connection, hotel: Hotel, other_hotel: Hotel, courier: Courier
) -> None:
    """Defence: the channel in the mark, hub/realtime/marks.py put; seq and epoch, hub/realtime/feed.py
    receive."""
    async with screens(live, hotel.tablet(), hotel.kitchen(), other_hotel.kitchen()) as all_of_them:
        tablet, kitchen, stranger = all_of_them
        async with courier.client.pubsub() as wire:
            await wire.subscribe(courier.channels.events(hotel.tenant_id))
            order_id = await place(hotel, tablet)
            recorded: bytes | None = None
            while recorded is None:
                message = await wire.get_message(ignore_subscribe_messages=True, timeout=1.0)
                recorded = message and message["data"]
        assert recorded is not None
        await kitchen.reach(await head(admin, hotel))
        for _ in range(3):
            await courier.forge(hotel, recorded)
            await courier.forge(other_hotel, recorded)
        await place(hotel, tablet)
        await same_as_fresh(live, admin, hotel, tablet, kitchen)
        assert kitchen.applied.count(kitchen.applied[0]) == 1
        async with screens(live, other_hotel.tablet()) as (theirs,):
            own = await place(other_hotel, theirs)
        await same_as_fresh(live, admin, other_hotel, stranger)
        assert set(stranger.orders()) == {own}
        assert order_id not in stranger.orders()


async def test_a_marked_event_of_another_hotel_goes_nowhere(
    live: Live, hotel: Hotel, other_hotel: Hotel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Defence: hub/realtime/node.py received, where the marks' own fault would end: the event names its
    hotel."""
    async with screens(live, hotel.kitchen()) as (kitchen,):
        channel = Channels(live.hub.settings.namespace).events(hotel.tenant_id)
        strange = fake(hotel, kitchen, tenant_id=str(other_hotel.tenant_id))
        live.hub.node.received(channel, strange)
        live.hub.node.received(channel, b"garbage")
        assert live.hub.node._by_channel[channel].seq == msgspec.json.decode(strange, type=Event).seq - 1


async def test_a_bell_that_anybody_rings_only_makes_the_relay_look(
    live: Live, admin: Connection, hotel: Hotel
) -> None:
    """Defence: hub/realtime/relay.py _follow never reads what a notification says."""
    async with screens(live, hotel.tablet(), hotel.kitchen()) as (tablet, kitchen):
        for payload in ("", fake(hotel, kitchen).decode(), "x" * 7000):
            await admin.execute("SELECT pg_notify($1, $2)", BELL, payload)
        await place(hotel, tablet)
        await same_as_fresh(live, admin, hotel, tablet, kitchen)
        assert FAKE not in kitchen.orders()


@pytest.mark.parametrize(
    "greeting",
    [
        b"",
        b"\0\xff\xfe" * 1000,
        b"HTTP/1.1 200 OK\r\n\r\n",
        b"220-" + b"x" * 100_000,
        b"999 hello\r\n",
        b"220 hi",
    ],
    ids=["silence", "octets", "another protocol", "no end", "no such code", "no line end"],
)
async def test_a_mail_server_that_talks_garbage(greeting: bytes) -> None:
    """Defence: hub/staff/mail.py SmtpMailer.send names no address and no answer in its error, and ends in
    time."""

    async def talk(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(greeting)
        writer.close()

    async with await asyncio.start_server(talk, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        mailer = SmtpMailer(f"smtp://127.0.0.1:{port}", "hub@hotel.example", seconds=2.0)
        async with asyncio.timeout(5):
            with pytest.raises(Unavailable) as caught:
                await mailer.send(Letter("aiko@hotel.example", "subject", "https://secret"))
    for inside in ("aiko", "secret", "hello", "HTTP"):
        assert inside not in caught.value.message
