"""The way out of a session over ASGI: in order, counted, and nothing after the end."""

from __future__ import annotations

import asyncio
from collections.abc import MutableMapping
from typing import Any

import pytest

from hub.realtime.protocol import Bye, Frame
from hub.realtime.wire import SendWire


class Socket:
    """What an ASGI server gives: takes frames while `open` is set; `lost` raises."""

    def __init__(self) -> None:
        self.sent: list[str] = []
        self.open = asyncio.Event()
        self.open.set()
        self.lost = False
        self.asked = asyncio.Event()

    async def send(self, message: MutableMapping[str, Any]) -> None:
        self.asked.set()
        await self.open.wait()
        if self.lost:
            raise ConnectionResetError
        self.sent.append(message["text"] if "text" in message else f"close {message['code']}")


def frame(number: int) -> Frame:
    return Frame(Bye(number, "", 0))


async def test_frames_go_out_in_order_then_the_close() -> None:
    socket = Socket()
    wire = SendWire(socket.send)
    task = asyncio.create_task(wire.run())
    frames = [frame(number) for number in range(5)]
    for one in frames:
        wire.write(one)
    wire.finish(frame(9), 4001, "bye")
    wire.write(frame(10))
    await task
    assert socket.sent == [*(one.text for one in frames), frame(9).text, "close 4001"]


async def test_what_the_network_has_not_taken_is_counted() -> None:
    socket = Socket()
    socket.open.clear()
    wire = SendWire(socket.send)
    task = asyncio.create_task(wire.run())
    size = len(frame(1).wire)
    for _ in range(3):
        wire.write(frame(1))
    await socket.asked.wait()
    assert (wire.backlog_frames, wire.backlog_bytes) == (3, 3 * size), "also the one in hand"
    drained = asyncio.create_task(wire.drained())
    await asyncio.sleep(0)
    assert not drained.done()
    socket.open.set()
    await drained
    assert (wire.backlog_frames, wire.backlog_bytes) == (0, 0)
    wire.finish(frame(2), 4001, "")
    await task


async def test_an_empty_wire_is_drained() -> None:
    async with asyncio.timeout(1):
        await SendWire(Socket().send).drained()


async def test_a_lost_socket_ends_it_and_lets_go_of_who_waits() -> None:
    socket = Socket()
    socket.open.clear()
    wire = SendWire(socket.send)
    task = asyncio.create_task(wire.run())
    wire.write(frame(1))
    drained = asyncio.create_task(wire.drained())
    await socket.asked.wait()
    socket.lost = True
    socket.open.set()
    with pytest.raises(ConnectionResetError):
        await task
    async with asyncio.timeout(1):
        await drained
    assert wire.backlog_frames == 0


async def test_one_that_is_cancelled_lets_go_of_who_waits() -> None:
    socket = Socket()
    socket.open.clear()
    wire = SendWire(socket.send)
    task = asyncio.create_task(wire.run())
    wire.write(frame(1))
    await socket.asked.wait()
    task.cancel()
    await asyncio.wait([task])
    async with asyncio.timeout(1):
        await wire.drained()


async def test_a_bug_in_what_reads_is_not_hidden() -> None:
    async def reading() -> None:
        raise ValueError("a bug")

    with pytest.raises(ValueError, match="a bug"):
        await SendWire(Socket().send).serve(reading())


async def test_a_peer_that_is_gone_is_no_error() -> None:
    socket = Socket()
    socket.lost = True
    wire = SendWire(socket.send)
    wire.write(frame(1))
    await wire.serve(asyncio.sleep(60))
