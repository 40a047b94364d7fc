"""Bad input over a real socket: what each does to the socket, and what its goodbye says."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import jwt
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Subprotocol

from hub.realtime.protocol import CloseCode
from hub.security.tokens import TokenKey, Tokens
from tests.conftest import TOKEN_KEY
from tests.realtime.conftest import Live
from tests.realtime.peer import End, peer
from tests.realtime.screens import DEADLINE, token_of

if TYPE_CHECKING:
    from hub.db.pool import Connection
    from hub.security.principal import Principal
    from tests.factories import Hotel

UUID = "00000000-0000-4000-8000-000000000000"
INSIDE = re.compile(r"Traceback|asyncpg|msgspec|\.py\b|SELECT|INSERT|\bapp\.|object at 0x|hub_api")


def refused(end: End, code: CloseCode, reason: str | None = None) -> None:
    """The goodbye and the close frame say the same, by the table."""
    assert end.bye is not None
    assert (end.bye["code"], end.code) == (code, code)
    assert end.bye["reason"] == (reason or code.reason)
    assert end.reason
    assert end.bye["reason"].startswith(end.reason)
    assert not INSIDE.search(json.dumps(end.bye))
    if not code.reconnect:
        assert end.bye["retry_ms"] == 0


def command(**changes: object) -> str:
    frame = {"type": "command", "id": 1, "op_id": UUID, "name": "order.quote", "args": {}, **changes}
    return json.dumps({name: value for name, value in frame.items() if value is not ...})


NOT_JSON = "not valid JSON text in UTF-8, or nested too deeply"
BAD_FRAMES: dict[str, tuple[str, str]] = {
    "nothing": ("", NOT_JSON),
    "not JSON": ("hello", NOT_JSON),
    "unfinished": ('{"type":"command"', NOT_JSON),
    "two values": ('{"type":"refresh","token":"x"}{}', NOT_JSON),
    "NaN": ('{"type":"command","id":NaN,"name":"x"}', NOT_JSON),
    "a list": ("[]", "Expected `object`, got `array`"),
    "null": ("null", "Expected `object`, got `null`"),
    "no type": ("{}", "Object missing required field `type`"),
    "an unknown type": ('{"type":"jump"}', "type: Invalid value 'jump'"),
    "a type of the hub": ('{"type":"welcome"}', "type: Invalid value 'welcome'"),
    "a type that is a number": ('{"type":7}', "type: Expected `str`"),
    "without id": (command(id=...), "Object missing required field `id`"),
    "id of text": (command(id="1"), "id: Expected `int`, got `str`"),
    "id below zero": (command(id=-1), "id: Expected `int` >= 0"),
    "id beyond JavaScript": (command(id=2**53 + 1), "id: Expected `int` <= 9007199254740992"),
    "id that is true": (command(id=True), "id: Expected `int`, got `bool`"),
    "no name": (command(name=...), "Object missing required field `name`"),
    "name of a number": (command(name=1), "name: Expected `str`, got `int`"),
    "a long name": (command(name="x" * 65), "name: Expected `str` of length <= 64"),
    "op_id no UUID": (command(op_id="mine"), "op_id: Invalid UUID"),
    "op_id of a number": (command(op_id=1), "op_id: Expected `uuid | null`, got `int`"),
    "refresh without token": ('{"type":"refresh"}', "Object missing required field `token`"),
    "refresh with a number": ('{"type":"refresh","token":1}', "token: Expected `str`, got `int`"),
    "nested deeply": ('{"type":' + "[" * 30_000 + "]" * 30_000 + "}", NOT_JSON),
    "args nested deeply": (command(args=0).replace("0}", "[" * 30_000 + "]" * 30_000 + "}"), NOT_JSON),
    "args unfinished": ('{"type":"command","id":1,"name":"x","args":{', NOT_JSON),
    "a surrogate as type": ('{"type":"\\ud800"}', NOT_JSON),
    "a surrogate as name": ('{"type":"command","id":1,"name":"\\ud800"}', NOT_JSON),
}


@pytest.mark.parametrize(("text", "reason"), BAD_FRAMES.values(), ids=BAD_FRAMES)
async def test_a_frame_that_is_none(live: Live, hotel: Hotel, text: str, reason: str) -> None:
    async with peer(live) as mine, peer(live) as other:
        await mine.hello(hotel.tablet())
        await other.hello(hotel.kitchen())
        await mine.send(text)
        refused(await mine.end(), CloseCode.BAD_FRAME, reason)
        assert (await other.ask("order.seen", {"order_ids": [UUID]}, op_id=None))["ok"]


@pytest.mark.parametrize("greeted", [True, False], ids=["in a session", "as hello"])
async def test_binary_frames_are_refused(live: Live, hotel: Hotel, greeted: bool) -> None:
    """The subprotocol is JSON text; binary frames stay free for another encoding."""
    async with peer(live) as mine:
        if greeted:
            await mine.hello(hotel.tablet())
        await mine.send(json.dumps({"type": "hello", "token": token_of(hotel.tablet())}).encode())
        refused(await mine.end(), CloseCode.BAD_FRAME, "a frame of this subprotocol is text, not binary")


async def test_text_that_is_not_utf8(live: Live, hotel: Hotel) -> None:
    async with peer(live) as mine:
        await mine.hello(hotel.tablet())
        await mine.send_octets(b'{"type":"\xff\xfe"}')
        assert (await mine.end()).code == 1007


@pytest.mark.parametrize("greeted", [True, False], ids=["in a session", "as hello"])
async def test_a_frame_that_is_too_long(live: Live, hotel: Hotel, greeted: bool) -> None:
    async with peer(live) as mine:
        if greeted:
            welcome = await mine.hello(hotel.tablet())
            assert welcome["limits"]["frame_bytes"] == 65_536
        await mine.send(command(args={"note": "x" * 65_536}))
        assert (await mine.end()).code == 1009


async def test_the_longest_frame_is_read(live: Live, hotel: Hotel) -> None:
    async with peer(live) as mine:
        await mine.hello(hotel.tablet())
        text = command(args={"note": ""})
        await mine.send(text.replace('""', f'"{"x" * (65_536 - len(text))}"'))
        assert (await mine.until("reply", id=1))["error"]["code"] == "invalid_input"


async def test_ten_megabytes_in_one_frame(live: Live, hotel: Hotel) -> None:
    async with peer(live) as mine:
        await mine.hello(hotel.tablet())
        with contextlib.suppress(ConnectionClosed):  # refused at its first bytes, unread
            await mine.send(command(args={"note": "x" * 10_000_000}))
        # The hub closes while the rest is on its way, so the close frame may get lost.
        assert (await mine.end()).code in (1009, 1006)
    async with peer(live) as mine:
        await mine.hello(hotel.tablet())


# hello


async def test_a_command_before_hello(live: Live) -> None:
    async with peer(live) as mine:
        await mine.send(command())
        refused(await mine.end(), CloseCode.NO_HELLO)


async def test_a_second_hello(live: Live, hotel: Hotel) -> None:
    async with peer(live) as mine:
        await mine.hello(hotel.tablet())
        await mine.send({"type": "hello", "token": token_of(hotel.tablet())})
        refused(await mine.end(), CloseCode.BAD_FRAME, "hello was said already")


def hello(**changes: object) -> str:
    return json.dumps({"type": "hello", "token": "x", **changes})


BAD_HELLOS: dict[str, tuple[str, str]] = {
    "nothing": ("", NOT_JSON),
    "nested deeply": ('{"type":"hello","x":' + "[" * 30_000, NOT_JSON),
    "without token": ('{"type":"hello"}', "Object missing required field `token`"),
    "a long token": (hello(token="x" * 5000), "token: Expected `str` of length <= 4096"),
    "since below zero": (hello(since={"epoch": UUID, "seq": -1}), "since.seq: Expected `int` >= 0"),
    "since without epoch": (hello(since={"seq": 1}), "since: Object missing required field `epoch`"),
    "since in words": (hello(since="now"), "since: Expected `object | null`, got `str`"),
    "a long client": (hello(client="x" * 201), "client: Expected `str` of length <= 200"),
}


@pytest.mark.parametrize(("text", "reason"), BAD_HELLOS.values(), ids=BAD_HELLOS)
async def test_a_hello_that_is_none(live: Live, text: str, reason: str) -> None:
    async with peer(live) as mine:
        await mine.send(text)
        refused(await mine.end(), CloseCode.BAD_FRAME, reason)


@pytest.mark.parametrize("seq", [10**6, 2**63 - 1, 2**63, 10**30], ids=["ahead", "most", "more", "far more"])
async def test_a_position_beyond_the_log_gets_a_snapshot(live: Live, hotel: Hotel, seq: int) -> None:
    async with peer(live) as mine:
        await mine.hello(hotel.tablet())
        epoch = mine.frames[-1]["epoch"]
    async with peer(live) as mine:
        await mine.send(
            {"type": "hello", "token": token_of(hotel.tablet()), "since": {"epoch": epoch, "seq": seq}}
        )
        if seq < 2**53:
            await mine.until("snapshot")
            await mine.until("position")
        else:
            refused(await mine.end(), CloseCode.BAD_FRAME, "since.seq: Expected `int` <= 9007199254740992")


def other_key(principal: Principal) -> str:
    key = TokenKey(kid=TOKEN_KEY.kid, algorithm="HS256", secret=b"another secret, as long as the first one")
    return issue(Tokens((key,), 900), principal)


def unknown_key(principal: Principal) -> str:
    key = TokenKey(kid="unknown", algorithm="HS256", secret=TOKEN_KEY.secret)
    return issue(Tokens((key,), 900), principal)


def unsigned(principal: Principal) -> str:
    claims = jwt.decode(token_of(principal), options={"verify_signature": False})
    return jwt.encode(claims, "", algorithm="none", headers={"kid": TOKEN_KEY.kid})


def another_algorithm(principal: Principal) -> str:
    claims = jwt.decode(token_of(principal), options={"verify_signature": False})
    secret = TOKEN_KEY.secret + b" made longer for the other hash, which wants 64"
    return jwt.encode(claims, secret, algorithm="HS512", headers={"kid": TOKEN_KEY.kid})


def tampered(principal: Principal) -> str:
    header, _, signature = token_of(principal).split(".")
    claims = jwt.decode(token_of(principal), options={"verify_signature": False})
    body = jwt.utils.base64url_encode(json.dumps({**claims, "kind": "kitchen"}).encode()).decode()
    return f"{header}.{body}.{signature}"


def words(_: Principal) -> str:
    return "open sesame"


def nothing(_: Principal) -> str:
    return ""


def not_ascii(_: Principal) -> str:
    return "合言葉"


def issue(tokens: Tokens, principal: Principal) -> str:
    return tokens.issue(principal)[0]


@pytest.mark.parametrize(
    "forge",
    [other_key, unknown_key, unsigned, another_algorithm, tampered, words, nothing, not_ascii],
)
async def test_a_token_that_proves_nothing(
    live: Live, hotel: Hotel, forge: Callable[[Principal], str]
) -> None:
    async with peer(live) as mine:
        await mine.send({"type": "hello", "token": forge(hotel.tablet())})
        refused(await mine.end(), CloseCode.BAD_TOKEN)


async def test_a_token_that_was_good(live: Live, hotel: Hotel) -> None:
    past = Tokens((TOKEN_KEY,), 60, now=lambda: time.time() - 61)
    async with peer(live) as mine:
        await mine.send({"type": "hello", "token": issue(past, hotel.tablet())})
        refused(await mine.end(), CloseCode.TOKEN_EXPIRED)


@pytest.mark.parametrize("offered", [None, ["hub.v2.json"], ["graphql-ws", "mqtt"]])
async def test_without_the_subprotocol(live: Live, offered: list[str] | None) -> None:
    subprotocols = [Subprotocol(name) for name in offered] if offered else None
    with pytest.raises(InvalidStatus) as caught:
        await connect(f"ws://{live.host}:{live.port}/ws", subprotocols=subprotocols)
    assert caught.value.response.status_code == 403


async def test_another_address(live: Live) -> None:
    with pytest.raises(InvalidStatus) as caught:
        await connect(f"ws://{live.host}:{live.port}/api", subprotocols=[Subprotocol("hub.v1.json")])
    assert caught.value.response.status_code in (403, 404)


async def test_too_many_commands_that_wait(live: Live, hotel: Hotel, admin: Connection) -> None:
    line = {"menu_item_id": str(hotel.menu["soup"]), "quantity": 1}
    async with peer(live) as mine, peer(live) as other:
        welcome = await mine.hello(hotel.tablet())
        await other.hello(hotel.tablet(1))
        most = welcome["limits"]["commands"]
        async with admin.transaction():
            await admin.execute("LOCK TABLE app.menu_items IN ACCESS EXCLUSIVE MODE")
            for number in range(most + 2):  # one is being worked on
                await mine.send(command(id=number, args={"lines": [line]}))
            refused(await mine.end(), CloseCode.RATE)
        assert (await other.ask("order.quote", {"lines": [line]}, op_id=None))["ok"]


async def test_a_socket_that_goes_at_any_moment(live: Live, hotel: Hotel) -> None:
    """Nothing stays behind: no session, and no error in the log."""
    for stage in range(3):
        async with peer(live) as mine:
            if stage > 0:
                await mine.send({"type": "hello", "token": token_of(hotel.tablet())})
            if stage > 1:
                await mine.until("position")
                await mine.send(command())
            mine.socket.transport.abort()
    async with asyncio.timeout(DEADLINE):
        await live.hub.node.emptied()
