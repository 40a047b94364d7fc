"""Sockets as the hub's own server serves them: without a task each, and cut off when nobody is there."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any, cast

import msgspec
import pytest
import uvicorn
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState
from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.http11 import USER_AGENT
from websockets.protocol import Protocol, Side
from websockets.typing import Subprotocol
from websockets.uri import parse_uri

from hub.errors import SettingError
from hub.realtime import handshake
from hub.realtime.protocol import SUBPROTOCOL, CloseCode
from tests.factories import make_hotel
from tests.locks import waiting_for_a_lock
from tests.realtime.conftest import Live, running
from tests.realtime.peer import peer
from tests.realtime.screens import DEADLINE, token_of

if TYPE_CHECKING:
    from hub.db.pool import Connection
    from hub.settings import Settings
    from tests.factories import Hotel


@pytest.fixture(scope="module")
async def impatient(settings: Settings, live: Live) -> AsyncIterator[Live]:
    """A hub that pings all the time, and lets nobody wait for a goodbye."""
    quick = msgspec.structs.replace(settings, ping_seconds=0.1, pong_seconds=0.2)
    async with running(quick, relay=False) as other:
        yield other


async def gone(live: Live, count: int = 0) -> None:
    async with asyncio.timeout(DEADLINE):
        while len(live.hub.node.sessions) > count:  # noqa: ASYNC110 - nobody signals that one is gone
            await asyncio.sleep(0.005)


async def test_a_session_on_which_nothing_happens_has_no_task(live: Live, hotel: Hotel) -> None:
    async with peer(live) as first:
        await first.hello(hotel.tablet())
        await first.until("position")
        before = hub_tasks()
        async with peer(live) as second, peer(live) as third:
            for one in (second, third):
                await one.hello(hotel.kitchen())
                await one.until("position")
            assert hub_tasks() == before


def hub_tasks() -> list[str]:
    """What runs of the hub, but not of this test's own."""
    names = (getattr(task.get_coro(), "__qualname__", "") for task in asyncio.all_tasks())
    return sorted(name for name in names if "Connection" not in name and "test" not in name)


async def test_a_peer_that_answers_no_ping_is_given_up(impatient: Live, hotel: Hotel) -> None:
    async with raw(impatient) as (reader, writer):
        writer.write(Frame(Opcode.TEXT, hello(hotel).encode()).serialize(mask=True))
        client = Protocol(Side.CLIENT)
        async with asyncio.timeout(DEADLINE):
            while client.close_rcvd is None:
                client.receive_data(await reader.read(65_536))
        assert client.close_rcvd.code == CloseCode.NO_PONG
        assert await reader.read() is not None, "the hub has hung up"
    await gone(impatient)


async def test_a_peer_that_answers_stays(impatient: Live, hotel: Hotel) -> None:
    async with peer(impatient) as mine:
        await mine.hello(hotel.kitchen())
        for _ in range(5):
            await mine.until("position")
        assert len(impatient.hub.node.sessions) == 1
    await gone(impatient)


def hello(hotel: Hotel) -> str:
    return json.dumps({"type": "hello", "token": token_of(hotel.tablet())})


def request(host: str, port: int) -> bytes:
    address = parse_uri(f"ws://{host}:{port}/ws")
    client = ClientProtocol(address, subprotocols=[Subprotocol(SUBPROTOCOL)])
    client.send_request(client.connect())
    return b"".join(client.data_to_send())


@asynccontextmanager
async def raw(live: Live) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A socket that answers nothing by itself."""
    reader, writer = await asyncio.open_connection(live.host, live.port)
    try:
        writer.write(request(live.host, live.port))
        head = await reader.readuntil(b"\r\n\r\n")
        assert b" 101 " in head.splitlines()[0]
        yield reader, writer
    finally:
        writer.transport.abort()


async def test_what_a_socket_changes_is_recorded_with_where_it_comes_from(
    live: Live, hotel: Hotel, admin: Connection
) -> None:
    async with peer(live) as guest:
        await guest.hello(hotel.tablet())
        lines = [{"menu_item_id": str(hotel.menu["soup"]), "quantity": 1}]
        placed = await guest.ask("order.place", {"lines": lines})
    [row] = await admin.fetch(
        "SELECT host(ip) AS ip, user_agent, request_id FROM app.audit_logs"
        " WHERE table_name = 'orders' AND record = $1",
        placed["result"]["order"]["id"],
    )
    assert (row["ip"], row["user_agent"]) == ("127.0.0.1", USER_AGENT[:200])
    assert row["request_id"] is not None


async def test_commands_before_the_welcome_are_done_in_order(live: Live, hotel: Hotel) -> None:
    async with peer(live) as mine:
        await mine.send({"type": "hello", "token": token_of(hotel.tablet())})
        for number in range(1, 6):
            await mine.send({"type": "command", "id": number, "name": "order.none", "args": {}})
        seen = [await mine.until("reply") for _ in range(5)]
        assert [frame["id"] for frame in seen] == [1, 2, 3, 4, 5]
        assert mine.frames[0]["type"] == "welcome"


@pytest.mark.parametrize(
    "parts", [["{", '"type":"hel', 'lo","token":"x"}'], ["", '{"type":"hello","token":"x"}']]
)
async def test_a_message_in_fragments(live: Live, parts: list[str]) -> None:
    async with peer(live) as mine:
        await mine.socket.send(iter(parts))
        assert (await mine.end()).code == CloseCode.BAD_TOKEN, "it was read as one hello"


async def test_more_at_once_than_is_let_in(settings: Settings, live: Live, hotel: Hotel) -> None:
    few = msgspec.structs.replace(settings, accepts_per_second=1, accepts_burst=2)
    async with running(few, relay=False) as strict, peer(strict) as first, peer(strict) as second:
        await first.hello(hotel.tablet())
        await second.hello(hotel.kitchen())
        reader, writer = await asyncio.open_connection(strict.host, strict.port)
        writer.write(request(strict.host, strict.port))
        async with asyncio.timeout(DEADLINE):
            answer = await reader.read()
        head, _, body = answer.decode().partition("\r\n\r\n")
        assert head.startswith("HTTP/1.1 503")
        assert "retry-after: 1" in head.lower()
        assert body == "too many connect at once\n"
        writer.close()
        async with asyncio.timeout(DEADLINE):
            await first.until("position")


async def test_another_uvicorn_is_refused_at_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    assert handshake.checked() is handshake.Handshake
    monkeypatch.setattr(WebSocketsSansIOProtocol, "run_asgi", None)  # as if it had another name
    with pytest.raises(SettingError, match="deploy/constraints"):
        handshake.checked()


class Ear:
    """A listener that keeps what it hears."""

    def __init__(self) -> None:
        self.heard: list[str | None] = []
        self.ended = asyncio.Event()

    def received(self, text: str | None) -> None:
        self.heard.append(text)

    def unanswered(self) -> None:
        raise AssertionError("nobody asks")

    def gone(self) -> None:
        self.ended.set()


async def test_what_is_said_before_the_handshake_ends_is_heard() -> None:
    ear, asked, go = Ear(), asyncio.Event(), asyncio.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        asked.set()
        await go.wait()
        await send({"type": "websocket.accept"})
        scope["extensions"][handshake.EXTENSION].take_over(lambda _: ear)

    config = uvicorn.Config(app, ws=handshake.checked(), lifespan="off", log_config=None)
    config.load()
    state, protocol_class = ServerState(), cast("Any", config.http_protocol_class)
    server = await asyncio.get_running_loop().create_server(
        lambda: protocol_class(config=config, server_state=state, app_state={}), "127.0.0.1", 0
    )
    host, port = server.sockets[0].getsockname()
    reader, writer = await asyncio.open_connection(host, port)
    async with asyncio.timeout(DEADLINE):
        writer.write(request(host, port))
        await asked.wait()
        writer.write(Frame(Opcode.TEXT, b"early").serialize(mask=True))
        [protocol] = state.connections
        assert isinstance(protocol, handshake.Handshake)
        while protocol.queue.empty():  # noqa: ASYNC110 - nobody signals that it has come
            await asyncio.sleep(0.002)
        go.set()
        await reader.readuntil(b"\r\n\r\n")
        writer.write(Frame(Opcode.TEXT, b"late").serialize(mask=True))
        writer.write(Frame(Opcode.CLOSE, b"\x03\xe8").serialize(mask=True))
        assert await reader.read() == b"\x88\x02\x03\xe8", "its goodbye is answered"
        await ear.ended.wait()
    assert ear.heard == ["early", "late"]
    assert state.connections == set()
    writer.close()
    server.close()
    await server.wait_closed()


async def test_those_who_come_back_leave_connections_for_orders(
    live: Live, settings: Settings, hotel: Hotel, admin: Connection
) -> None:
    """Twelve hotels come back while the log cannot be read; who is inside still gets an answer."""
    others = [await make_hotel(admin) for _ in range(12)]
    lines = [{"menu_item_id": str(hotel.menu["soup"]), "quantity": 1}]
    for other in others:
        await admin.execute(
            "UPDATE app.menu_items SET price = price + 1 WHERE tenant_id = $1", other.tenant_id
        )
    few = msgspec.structs.replace(settings, db_connections=11)  # four of hub_api, and seven others
    rows = await admin.fetch("SELECT tenant_id, epoch::text FROM app.tenant_heads")
    epochs = {row["tenant_id"]: row["epoch"] for row in rows}
    async with running(few, relay=False) as small, AsyncExitStack() as stack, peer(small) as inside:
        await inside.hello(hotel.tablet())
        coming = [await stack.enter_async_context(peer(small)) for _ in others]
        lock = admin.transaction()
        await lock.start()
        try:
            await admin.execute("LOCK TABLE app.events IN ACCESS EXCLUSIVE MODE")
            for one, other in zip(coming, others, strict=True):
                since = {"epoch": epochs[other.tenant_id], "seq": 0}
                await one.send({"type": "hello", "token": token_of(other.tablet()), "since": since})
            await waiting_for_a_lock(admin, 2)
            async with asyncio.timeout(DEADLINE):
                assert (await inside.ask("order.quote", {"lines": lines}, op_id=None))["ok"]
            assert len(await waiting_for_a_lock(admin)) == 2, "half of the connections"
        finally:
            await lock.rollback()
        for one in coming:
            await one.until("position")
