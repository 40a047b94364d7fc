"""The frames and close codes of the protocol, without a socket."""

from __future__ import annotations

import json
import re
from pathlib import Path
from uuid import UUID, uuid4

import msgspec
import pytest
from msgspec import Raw
from websockets.frames import Frame as WireFrame
from websockets.frames import Opcode
from websockets.protocol import Protocol, Side

from hub.errors import InvalidInput, NotFound
from hub.log.event import Entry, Event, Position, State
from hub.realtime.protocol import (
    Bye,
    CloseCode,
    Command,
    Document,
    Done,
    EventFrame,
    Failed,
    Frame,
    Hello,
    HubFrame,
    Limits,
    PositionFrame,
    Refresh,
    Snapshot,
    Welcome,
    WhoAmI,
    event_frame,
    parse,
    snapshot_frame,
)
from hub.resources import static_directory

EPOCH = UUID("11111111-1111-4111-8111-111111111111")
AT = "2026-11-21T12:00:00.000Z"

TABLE = {
    "DRAIN": (4001, True),
    "INTERNAL": (4004, True),
    "TOKEN_EXPIRED": (4005, True),
    "TOO_SLOW": (4008, True),
    "POSITION_LOST": (4010, True),
    "NO_PONG": (4012, True),
    "RATE": (4013, True),
    "BAD_TOKEN": (4500, False),
    "BAD_FRAME": (4501, False),
    "NO_HELLO": (4502, False),
    "REVOKED": (4503, False),
    "REPLACED": (4504, False),
    "LIMIT": (4505, False),
    "FORBIDDEN": (4507, False),
}


def test_the_table_of_close_codes() -> None:
    assert {code.name: (code.value, code.reconnect) for code in CloseCode} == TABLE


def test_reasons_fit_into_a_close_frame() -> None:
    for code in CloseCode:
        assert 0 < len(code.reason.encode()) <= 123
    assert len({code.reason for code in CloseCode}) == len(CloseCode)


def test_the_client_in_javascript_has_the_same_table() -> None:
    text = Path(static_directory(), "core", "closecodes.js").read_text(encoding="utf-8")
    theirs = re.findall(r"^ +(\d{4}): \{ name: \"(\w+)\"", text, re.MULTILINE)
    assert dict(theirs) == {str(code.value): code.name.lower() for code in CloseCode}


WELCOME = Welcome(
    session=EPOCH,
    principal=WhoAmI(EPOCH, "tablet", "101", EPOCH, (), "1"),
    ping_ms=20_000,
    retry_ms=3000,
    limits=Limits(65_536, 64),
    server_time=AT,
)
HUB_FRAMES: dict[str, tuple[HubFrame, dict[str, object]]] = {
    "welcome": (
        WELCOME,
        {
            "session": str(EPOCH),
            "principal": {
                "id": str(EPOCH),
                "kind": "tablet",
                "room_number": "101",
                "stay_id": str(EPOCH),
                "stations": [],
                "floor": "1",
            },
            "ping_ms": 20_000,
            "retry_ms": 3000,
            "limits": {"frame_bytes": 65_536, "commands": 64},
            "server_time": AT,
        },
    ),
    "snapshot": (
        Snapshot(EPOCH, 7, [Document("order", Raw(b'{"id":"x"}'))]),
        {"epoch": str(EPOCH), "seq": 7, "state": [{"kind": "order", "data": {"id": "x"}}]},
    ),
    "event": (
        EventFrame(8, "order", Raw('{"note":"箸"}'.encode()), AT),
        {"seq": 8, "kind": "order", "data": {"note": "箸"}, "at": AT},
    ),
    "position": (PositionFrame(EPOCH, 9, AT), {"epoch": str(EPOCH), "seq": 9, "server_time": AT}),
    "done": (Done(1, Raw(b'{"noop":true}')), {"id": 1, "ok": True, "result": {"noop": True}}),
    "failed": (
        Failed(2, NotFound("no such order", field="order_id").to_data()),
        {
            "id": 2,
            "ok": False,
            "error": {
                "code": "not_found",
                "message": "no such order",
                "temporary": False,
                "details": {"field": "order_id"},
            },
        },
    ),
    "bye": (Bye(4001, "restarting", 1500), {"code": 4001, "reason": "restarting", "retry_ms": 1500}),
}


@pytest.mark.parametrize(("name", "case"), HUB_FRAMES.items(), ids=HUB_FRAMES)
def test_a_frame_of_the_hub_on_the_wire(name: str, case: tuple[HubFrame, dict[str, object]]) -> None:
    content, wanted = case
    frame = Frame(content)
    kind = "reply" if name in ("done", "failed") else name
    assert json.loads(frame.text) == {"type": kind, **wanted}
    assert unframed(frame.wire) == frame.text


def unframed(wire: bytes) -> str:
    """What another implementation reads."""
    client = Protocol(Side.CLIENT, max_size=None)
    client.receive_data(wire)
    [frame] = client.events_received()
    assert isinstance(frame, WireFrame)
    assert (frame.opcode, frame.fin) == (Opcode.TEXT, True)
    return bytes(frame.data).decode()


@pytest.mark.parametrize("length", [125, 126, 127, 65_535, 65_536, 70_000])
def test_the_head_of_a_frame_tells_its_length(length: int) -> None:
    empty = len(Frame(Bye(4001, "", 0)).text)
    frame = Frame(Bye(4001, "x" * (length - empty), 0))
    assert len(frame.text) == length
    assert unframed(frame.wire) == frame.text


CLIENT_FRAMES = [
    Hello("token"),
    Hello("token", since=Position(EPOCH, 0), client="tablet 1.2"),
    Hello("token", since=Position(EPOCH, 2**53)),
    Command(1, "order.seen", Raw(b'{"order_ids":[]}')),
    Command(2**53, "order.place", Raw(b'{ "lines" : [] }'), EPOCH),
    Refresh("token"),
]


@pytest.mark.parametrize("frame", CLIENT_FRAMES, ids=range(len(CLIENT_FRAMES)))
def test_a_frame_of_a_client_comes_back_as_it_was(frame: Hello | Command | Refresh) -> None:
    assert parse(msgspec.json.encode(frame).decode()) == frame


def test_what_a_later_version_adds_is_ignored() -> None:
    frame = parse('{"type":"command","id":1,"name":"order.seen","trace":{"a":[1]},"args":{}}')
    assert frame == Command(1, "order.seen", Raw(b"{}"))
    assert parse('{"type":"hello","token":"x","since":null}') == Hello("x")


LIMITS = {
    "token": ("hello", {"token": "x" * 4097}),
    "client": ("hello", {"token": "x", "client": "x" * 201}),
    "since.seq": ("hello", {"token": "x", "since": {"epoch": str(EPOCH), "seq": 2**53 + 1}}),
    "id": ("command", {"id": 2**53 + 1, "name": "x"}),
    "name": ("command", {"id": 1, "name": "x" * 65}),
    "op_id": ("command", {"id": 1, "name": "x", "op_id": "1234"}),
}


@pytest.mark.parametrize(("field", "case"), LIMITS.items(), ids=LIMITS)
def test_beyond_a_limit(field: str, case: tuple[str, dict[str, object]]) -> None:
    kind, body = case
    with pytest.raises(InvalidInput) as caught:
        parse(json.dumps({"type": kind, **body}))
    assert caught.value.field == field


@pytest.mark.parametrize(
    "text", ['"\\ud83c"', '"\\udf63\\ud83c"', '["x", {"deep": "\\ud800 "}]', '"\ud83c"'], ids=range(4)
)
def test_half_a_surrogate_pair_is_refused_in_the_reply(text: str) -> None:
    frame = parse(
        f'{{"type":"command","id":7,"op_id":"{uuid4()}","name":"order.place","args":{{"x":{text}}}}}'
    )
    assert isinstance(frame, Failed)
    assert (frame.id, frame.error["code"], frame.error["details"]) == (7, "invalid_input", {"field": "args"})


def test_a_whole_surrogate_pair_is_text() -> None:
    frame = parse('{"type":"command","id":7,"name":"x","args":"\\ud83c\\udf63"}')
    assert isinstance(frame, Command)
    assert msgspec.json.decode(frame.args) == "🍣"


def test_a_state_is_filtered_by_topics() -> None:
    entries = (
        Entry("order", ("kitchen", "stay:1"), Raw(b"1")),
        Entry("order", ("kitchen", "stay:2"), Raw(b"2")),
        Entry("menu_item", ("menu",), Raw(b"3")),
        Entry("secret", (), Raw(b"4")),
    )
    state = State(EPOCH, 5, entries)
    for topics, wanted in (
        ({"kitchen", "menu"}, [1, 2, 3]),
        ({"stay:1", "menu"}, [1, 3]),
        ({"menu"}, [3]),
        (set[str](), []),
    ):
        frame = json.loads(snapshot_frame(state, frozenset(topics)).text)
        assert [document["data"] for document in frame["state"]] == wanted


def test_an_event_says_nothing_of_who_else_may_see_it() -> None:
    event = Event(EPOCH, EPOCH, 3, "order", ("kitchen", "stay:1"), Raw(b"{}"), AT)
    assert set(json.loads(event_frame(event).text)) == {"type", "seq", "kind", "data", "at"}
