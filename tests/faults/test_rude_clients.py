"""Clients that say on the wire what no library would: each ends alone, with a code that says why, and all
others go on."""

from __future__ import annotations

import asyncio
import json
import logging
import struct
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import msgspec
import pytest

from tests.faults.raw import BINARY, CLOSE, CONT, PING, TEXT, announced, frame, raw
from tests.faults.watch import soup
from tests.realtime.conftest import Live, running
from tests.realtime.peer import Peer, peer
from tests.realtime.screens import token_of

if TYPE_CHECKING:
    from hub.settings import Settings
    from tests.factories import Hotel

pytestmark = pytest.mark.faults


@pytest.fixture(scope="module")
async def live(settings: Settings) -> AsyncIterator[Live]:
    quick = msgspec.structs.replace(settings, hello_seconds=1.0, ping_seconds=20.0)
    async with running(quick) as hub:
        yield hub


@pytest.fixture
async def other(live: Live, hotel: Hotel) -> AsyncIterator[Peer]:
    """A guest who behaves, and is served before and after."""
    async with peer(live) as one:
        await one.hello(hotel.tablet(1))
        assert (await one.ask("order.place", {"lines": soup(hotel)}))["ok"]
        yield one
        assert (await one.ask("order.place", {"lines": soup(hotel)}))["ok"]


def hello_of(hotel: Hotel) -> bytes:
    return frame(TEXT, json.dumps({"type": "hello", "token": token_of(hotel.tablet())}).encode())


def goodbye(payload: bytes) -> bytes:
    return frame(CLOSE, payload)


def code(number: int) -> bytes:
    return goodbye(struct.pack("!H", number))


# What is sent, and the close code: 1002 broken protocol, 1005 none, 1007 not UTF-8, 1009 too long, 4501 no
# frame of ours, 4502 no hello in time.
BAD_UTF8 = b'{"type": "hello", "token": "\xff\xfe"}'
WIRE: dict[str, tuple[bytes, set[int]]] = {
    "unmasked": (frame(TEXT, b"{}", masked=False), {1002}),
    "reserved bits": (frame(TEXT, b"{}", bits=0x40), {1002}),
    "unknown opcode": (frame(0x3, b"{}"), {1002}),
    "unknown control opcode": (frame(0xB), {1002}),
    "ping in parts": (frame(PING, b"a", fin=False), {1002}),
    "long ping": (frame(PING, b"a" * 126), {1002}),
    "rest without begin": (frame(CONT, b"{}"), {1002}),
    "begin in the middle": (frame(TEXT, b"{", fin=False) + frame(TEXT, b"}"), {1002}),
    "a length of 2^63": (announced(TEXT, 2**63), {1002, 1009}),
    "a terabyte announced": (announced(TEXT, 2**40), {1009}),
    "one byte too many": (frame(TEXT, b" " * 65_537), {1009}),
    "one byte too many in parts": (
        frame(TEXT, b" " * 40_000, fin=False) + frame(CONT, b" " * 25_537), {1009},
    ),
    "half a frame": (frame(TEXT, b"{}" * 50)[:40], {4502}),
    "half a head": (b"\x81", {4502}),
    "nothing but a begin": (frame(TEXT, b"{", fin=False), {4502}),
    "bad utf-8": (frame(TEXT, BAD_UTF8), {1007}),
    "bad utf-8 over two parts": (frame(TEXT, b'"\xe3\x81', fin=False) + frame(CONT, b'"'), {1007}),
    "bad json": (frame(TEXT, b'{"type": "hello", '), {4501}),
    "deep json": (frame(TEXT, b"[" * 60_000), {4501}),
    "binary": (frame(BINARY, b"\x00\x01"), {4501}),
    "empty text": (frame(TEXT), {4501}),
    "a pong that nobody asked for": (frame(0xA, b"?"), {4502}),
    "http again": (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", {1002}),
    "zeros": (bytes(10_000), {1002}),
    "close without a code": (goodbye(b""), {1005}),
    "close with half a code": (goodbye(b"\x03"), {1002}),
    "close with bad utf-8": (goodbye(struct.pack("!H", 1000) + b"\xff"), {1002, 1007}),
    **{f"close {number}": (code(number), {1002}) for number in (0, 999, 1005, 1006, 1015, 2999, 65_535)},
    **{f"close {number}": (code(number), {number}) for number in (1000, 1001, 3000, 4999)},
    "two closes": (code(1000) + code(1001), {1000}),
    "words after the close": (code(1000) + frame(TEXT, b"{}"), {1000}),
}  # fmt: skip


async def ended(live: Live, data: bytes, greeting: bytes | None) -> int | None:
    """The close code after `data`."""
    async with raw((live.host, live.port)) as one:
        if greeting is not None:
            await one.send(greeting)
            await one.until(b'"position"')
        await one.send(data)
        return await one.end()


@pytest.mark.parametrize("greeted", [False, True], ids=["strangers", "guests"])
async def test_on_the_wire(
    live: Live, hotel: Hotel, other: Peer, caplog: pytest.LogCaptureFixture, greeted: bool
) -> None:
    greeting = hello_of(hotel) if greeted else None
    # half a frame of somebody who has said hello may wait for its other half
    cases = {what: case for what, case in WIRE.items() if not greeted or case[1] != {4502}}
    async with asyncio.TaskGroup() as group:
        tasks = {what: group.create_task(ended(live, data, greeting)) for what, (data, _) in cases.items()}
    wrong = {what: task.result() for what, task in tasks.items() if task.result() not in cases[what][1]}
    assert not wrong
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


FLOODS = {
    "pings": frame(PING, b"x" * 125),
    "pongs": frame(0xA),
    "parts without an end": frame(CONT, b"", fin=False),
    "parts of a byte": frame(CONT, b" ", fin=False),
}


@pytest.mark.parametrize("what", FLOODS)
@pytest.mark.parametrize("reads", [True, False], ids=["reads", "reads not"])
async def test_a_flood(live: Live, hotel: Hotel, other: Peer, what: str, reads: bool) -> None:
    """Frames that mean nothing cost something all the same: nobody gets to send them without an end."""
    async with raw((live.host, live.port), receive_buffer=None if reads else 4096) as one:
        await one.send(hello_of(hotel))
        if what.startswith("parts"):
            await one.send(frame(TEXT, b"", fin=False))
        ending = asyncio.create_task(one.end()) if reads else None
        many = FLOODS[what] * 1000
        try:
            for _ in range(80):
                await one.send(many)
        except OSError:
            pass  # the hub has had enough
        # who does not take the goodbye is cut off without it
        assert await (ending or one.end()) in ({4013} if reads else {4013, None})
