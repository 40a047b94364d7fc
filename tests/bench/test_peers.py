"""`bench peers`: what its clients notice, how it compares, and one small run from start to end."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from msgspec import Raw
from msgspec.structs import replace

from bench.peers import software
from bench.peers.crowd import Crowd
from bench.peers.member import Group, Member
from bench.peers.plan import Finished, HubAccess, Plan, Shape
from bench.peers.report import Turn, Used, compare, judge, window
from bench.peers.speech import EngineIo, document, event, server_frame
from hub.drive.frames import masked
from hub.drive.histogram import Histogram
from hub.log.event import Event
from hub.realtime.protocol import event_frame
from tests.bench.conftest import bench, result

PAIR = Shape("kitchen", 1, 2)
GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class Sent(asyncio.Transport):
    """Keeps what a member writes."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []

    def write(self, data: Any) -> None:
        self.written.append(bytes(data))

    def abort(self) -> None:
        """The member hangs up."""


def accepted(request: bytes) -> bytes:
    """A server's half of the handshake."""
    (key,) = re.findall(rb"Sec-WebSocket-Key: (\S+)", request)
    digest = base64.b64encode(hashlib.sha1(key + GUID, usedforsecurity=False).digest())
    asked = re.findall(rb"Sec-WebSocket-Protocol: \S+\r\n", request)
    return b"HTTP/1.1 101 Switching Protocols\r\n%bSec-WebSocket-Accept: %b\r\n\r\n" % (
        b"".join(asked),
        digest,
    )


class Desk:
    """Two members of one group behind their handshakes, a batch of three events, all published."""

    def __init__(self, server: str = "ws") -> None:
        hub = HubAccess(["token", "token"], [], {}, "") if server == "hub" else None
        self.crowd = Crowd(Plan(server, 1, PAIR, "/nowhere", hub))
        self.group = Group(self.crowd)
        self.frames = [server_frame(event(seq, document(7))) for seq in (9, 10, 11)]
        self.transports = [Sent(), Sent()]
        for number, transport in enumerate(self.transports):
            member = Member(self.group, number, asyncio.get_running_loop().create_future())
            member.connection_made(transport)
            member.data_received(accepted(transport.written[0]))
            self.group.members.append(member)
        self.group.begin(self.frames)
        self.group.sent = len(self.frames)

    def give(self, *chunks: bytes) -> dict[str, int]:
        """Both members receive the chunks; the faults they found."""
        for member in self.group.members:
            for chunk in chunks:
                member.data_received(chunk)
        return self.crowd.faults


async def test_events_in_any_pieces() -> None:
    desk = Desk()
    whole = b"".join([desk.frames[0], b"\x89\x02hi", *desk.frames[1:]])
    assert desk.give(*(whole[start : start + 50] for start in range(0, len(whole), 50))) == {}
    assert list(desk.group.left) == [0, 0, 0]
    assert all(len(transport.written) == 2 for transport in desk.transports)  # the handshake and a pong


async def test_one_read_with_all_of_them() -> None:
    desk = Desk()
    assert desk.give(b"".join(desk.frames)) == {}
    assert list(desk.group.left) == [0, 0, 0]


async def test_a_lost_event() -> None:
    desk = Desk()
    assert desk.give(desk.frames[0], desk.frames[2]) == {"missing": 2}
    assert list(desk.group.left) == [0, 2, 0]


async def test_a_repeated_event() -> None:
    desk = Desk()
    assert desk.give(desk.frames[0], desk.frames[0], desk.frames[1], desk.frames[2]) == {"repeated": 2}


async def test_events_in_the_wrong_order() -> None:
    desk = Desk()
    faults = desk.give(desk.frames[1], desk.frames[0], desk.frames[2])
    assert faults == {"missing": 2, "repeated": 2}


async def test_an_event_with_another_letter() -> None:
    desk = Desk()
    wrong = server_frame(event(9, document(8)))
    assert desk.give(wrong, *desk.frames) == {"strange": 2}


async def test_one_event_too_many() -> None:
    desk = Desk()
    assert desk.give(*desk.frames, server_frame(event(12, document(7)))) == {"strange": 2}


async def test_an_event_before_it_was_published() -> None:
    desk = Desk()
    desk.group.sent = 1
    assert desk.give(*desk.frames[:2]) == {"early": 2}


async def test_what_a_snapshot_lacks_comes_before_the_position() -> None:
    desk = Desk("hub")
    position = server_frame(b'{"type":"position","epoch":"x","seq":8,"server_time":""}')
    old = server_frame(event(8, document(7)))
    assert desk.give(server_frame(b'{"type":"snapshot"}'), old, position, *desk.frames) == {}
    assert list(desk.group.left) == [0, 0, 0]
    assert desk.give(old) == {"strange": 2}


async def test_an_event_while_the_next_batch_is_written() -> None:
    desk = Desk()
    desk.crowd.preparing = True
    assert desk.give(server_frame(event(12, document(7)))) == {"early": 2}


async def test_a_server_that_hangs_up() -> None:
    desk = Desk()
    for member in desk.group.members:
        member.connection_lost(None)
    assert desk.crowd.faults == {"closed": 2}


async def test_engine_io_pings_are_answered() -> None:
    desk = Desk("socketio")
    assert desk.give(server_frame(b"2")) == {}
    for transport in desk.transports:
        assert unmasked(transport.written[-1]) == b"3"


def unmasked(frame: bytes) -> bytes:
    key, body = frame[2:6], frame[6:]
    assert masked(b"", key)[2:] == key
    return bytes(byte ^ key[place % 4] for place, byte in enumerate(body))


def test_the_frame_of_an_event_is_the_hubs() -> None:
    found = event_frame(
        Event(
            uuid4(), uuid4(), 41, "bench", ("tenant",), Raw(document(3).encode()), "2026-01-01T00:00:00.000Z"
        )
    )
    assert server_frame(event(41, document(3))) == found.wire
    assert 195 <= len(found.text) <= 215
    assert EngineIo().dressed(b"{}") == b'42["event",{}]'


def turn(server: str, number: int, cpu_seconds: float, faults: dict[str, int] | None = None) -> Turn:
    told = Finished(2.0, 4000, {}, [], 0, 1.0, Histogram(), Histogram())
    closed = window(Shape("fanout", 1, 100), 40, 0.0, told, Used(cpu_seconds, 0.1, None))
    return Turn(server, "fanout-100", number, 1.0, 1.0, 10.0, faults or {}, ["an example"], closed)


def test_ratios_are_of_the_same_round() -> None:
    # The machine was half as fast in the second round: that says nothing about the peer.
    turns = [turn("hub", 0, 0.1), turn("ws", 0, 0.2), turn("hub", 1, 0.2), turn("ws", 1, 0.4)]
    (found,) = compare(turns)
    assert found.cpu is not None
    assert (found.cpu.median, found.cpu.low, found.cpu.high) == (2.0, 2.0, 2.0)
    assert judge(turns, [found], {"ws": 1.9}, 1900) == ([], [])


def test_thresholds_and_faults() -> None:
    turns = [turn("hub", 0, 0.1, {"missing": 3}), turn("ws", 0, 0.2, {"missing": 1})]
    assert judge([turn("hub", 0, 0.1, {"early": 3})], [], {}, 0)[0] == []  # right, but not what was asked
    wrong, slow = judge(turns, compare(turns), {"ws": 2.5, "nchan": 1.0}, 3000)
    assert wrong == ["fanout-100: the hub: 3 missing, such as: an example"]
    assert [line.split(":")[0] for line in slow] == [
        "fanout-100",
        "nchan was not measured beside the hub, so there is no ratio to it",
        "fanout-100",
    ]


def test_too_slow_for_the_offered_rate() -> None:
    told = Finished(2.0, 4000, {}, [], 0, 1.0, Histogram(), Histogram())
    shape = Shape("fanout", 1, 100)
    used = Used(0.1, 0.1, None)
    assert window(shape, 40, 80.0, told, used).overloaded
    assert not window(shape, 40, 20.0, told, used).overloaded
    assert not window(shape, 40, 20.0, replace(told, seconds=2.4), used).overloaded


@pytest.mark.slow
async def test_a_small_run(tmp_path: Path) -> None:
    path, picture = tmp_path / "result.json", tmp_path / "result.svg"
    code, output = await bench(
        *("peers", "--quick", "--shapes", "kitchen", "--json", str(path), "--picture", str(picture)),
        *("--min-ratio", "websockets=1000"),
    )
    assert code == 1, output
    assert "wanted are 1000" in output
    assert "the hub delivered every event to every socket, once and in order" in output
    found = result(path)
    assert found["exit_code"] == 1
    assert [turn["server"] for turn in found["turns"]] == ["hub", "websockets"]
    for turn in found["turns"]:
        assert turn["faults"] == {}, turn
        closed, opened = turn["closed"], turn["open"]
        assert closed["deliveries"] == 4 * closed["events"] > 0
        assert closed["cpu_us"] > 0
        assert opened["latency"]["count"] == opened["deliveries"] == 4 * opened["events"]
        assert 0 < opened["latency"]["percentiles"]["p50"] <= opened["latency"]["max"]
        assert turn["accepts_a_second"] > 0
    (comparison,) = found["comparisons"]
    assert comparison["cpu"]["low"] <= comparison["cpu"]["median"] <= comparison["cpu"]["high"]
    assert picture.read_text().startswith("<svg ")


@pytest.mark.parametrize(
    ("find", "package"), [(software.nginx, "nginx libnginx-mod-nchan"), (software.node, "nodejs")]
)
def test_what_is_missing_is_named(
    find: Callable[[Callable[[str], None]], software.Software], package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "which", lambda *_, **__: None)
    with pytest.raises(software.Missing, match=f"install {package}$"):
        find(lambda _: None)


@pytest.mark.parametrize("words", ["hub,nobody", ""])
async def test_a_peer_that_nobody_knows(words: str) -> None:
    code, output = await bench("peers", "--peers", words)
    assert code == 2
    assert "is not one of hub, nchan" in output
