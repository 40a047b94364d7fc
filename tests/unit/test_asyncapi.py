"""The description of the socket, held against a strict model of what AsyncAPI 3.0 allows of what we use."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, Literal, cast, get_args

import msgspec
import pytest
from msgspec import Struct

from hub import __version__
from hub.documents import asyncapi_document
from hub.realtime.protocol import ClientFrame, CloseCode, Command, HubFrame
from hub.security.permissions import holders
from hub.security.sealing import MasterKeys
from hub.security.vault import Vault
from hub.services import SOCKET, commands
from hub.web.asyncapi import document
from hub.web.description import Json
from tests.conftest import MASTER_KEY

COMMANDS = commands(Vault(MasterKeys((MASTER_KEY,))))
NAME = re.compile(r"[\w.-]+")


class Model(Struct, forbid_unknown_fields=True, rename="camel"):
    """An object of the specification: a field that it does not know fails."""


class Reference(Model):
    to: str = msgspec.field(name="$ref")


class Info(Model):
    title: str
    version: str
    description: str


class Server(Model):
    host: str
    protocol: Literal["wss"]
    variables: dict[str, dict[Literal["description"], str]]


class WebSocketBinding(Model):
    method: Literal["GET"]
    headers: dict[str, Any]


class CloseCodeOf(Model):
    code: int
    name: str
    reason: str
    reconnect: bool


class Channel(Model):
    address: str
    description: str
    messages: dict[str, Reference]
    bindings: dict[Literal["ws"], WebSocketBinding]
    close_codes: list[CloseCodeOf] = msgspec.field(name="x-close-codes")


class Reply(Model):
    channel: Reference
    messages: list[Reference]


class Action(Model):
    action: Literal["send", "receive"]
    channel: Reference
    messages: list[Reference]
    summary: str = ""
    reply: Reply | None = None
    permission: str | None = msgspec.field(name="x-permission", default=None)
    actors: list[str] | None = msgspec.field(name="x-actors", default=None)
    writes: bool | None = msgspec.field(name="x-writes", default=None)
    once: bool | None = msgspec.field(name="x-once", default=None)


class Message(Model):
    name: str
    payload: dict[str, Any]
    summary: str = ""


class Components(Model):
    schemas: dict[str, dict[str, Any]]
    messages: dict[str, Message]


class AsyncApi(Model):
    asyncapi: Literal["3.0.0"]
    info: Info
    default_content_type: Literal["application/json"]
    servers: dict[str, Server]
    channels: dict[str, Channel]
    operations: dict[str, Action]
    components: Components


@pytest.fixture(scope="module")
def described() -> Json:
    return cast(Json, json.loads(asyncapi_document()))


@pytest.fixture(scope="module")
def api(described: Json) -> AsyncApi:
    return msgspec.convert(described, AsyncApi)


def references(value: object) -> Iterator[str]:
    """Every reference in `value`."""
    if isinstance(value, dict):
        if isinstance(reference := value.get("$ref"), str):
            yield reference
        for part in value.values():
            yield from references(part)
    elif isinstance(value, list):
        for part in value:
            yield from references(part)


def test_it_follows_the_specification(api: AsyncApi) -> None:
    assert api.info.version == __version__
    for names in (api.servers, api.channels, api.operations, api.components.schemas, api.components.messages):
        assert all(NAME.fullmatch(name) for name in names)
    assert {f"{{{name}}}" for server in api.servers.values() for name in server.variables} == {"{host}"}


def test_every_reference_leads_somewhere_and_nothing_is_unused(described: Json) -> None:
    used = set(references(described))
    for reference in used:
        part: Any = described
        for step in reference.removeprefix("#/").split("/"):
            part = part[step]
    for kind in ("schemas", "messages"):
        for name in described["components"][kind]:
            assert f"#/components/{kind}/{name}" in used


def test_every_frame_is_described(api: AsyncApi) -> None:
    (channel,) = api.channels.values()
    assert channel.address == "/ws"
    assert channel.bindings["ws"].headers["properties"] == {
        "Sec-WebSocket-Protocol": {"const": "hub.v1.json"}
    }
    for frames, action in ((get_args(ClientFrame), "receive"), (get_args(HubFrame), "send")):
        for frame in frames:
            if frame is not Command:
                assert api.operations[frame.__name__].action == action
                assert api.components.messages[frame.__name__].name == frame.__struct_config__.tag
                schema = api.components.schemas[frame.__name__]
                assert schema["properties"]["type"] == {"enum": [frame.__struct_config__.tag]}


def test_every_command_is_described(api: AsyncApi) -> None:
    described = {name: action for name, action in api.operations.items() if action.reply is not None}
    assert set(described) == {operation.name for operation in COMMANDS}
    for operation in COMMANDS:
        action, payload = described[operation.name], api.components.messages[operation.name].payload
        assert action.action == "receive"
        assert (action.actors, action.once) == (holders(operation.permission), operation.once)
        assert action.writes == operation.writes
        assert action.summary
        assert action.reply is not None
        replies = [reference.to.rpartition("/")[2] for reference in action.reply.messages]
        assert replies == ["Done", "Failed"]
        assert payload["properties"]["name"] == {"const": operation.name}
        assert payload["properties"]["args"] == {"$ref": f"#/components/schemas/{operation.args.__name__}"}
        assert {"type", "id", "name"} <= set(payload["required"])
        assert ("op_id" in payload["required"]) == operation.once


def test_arguments_may_be_left_out_where_none_is_needed() -> None:
    class Nothing(Struct):
        since: int = 0

    bare = msgspec.structs.replace(COMMANDS[0], name="test.nothing", args=Nothing)
    messages = document(SOCKET, [*COMMANDS, bare])["components"]["messages"]
    assert "args" in messages["order.place"]["payload"]["required"]
    assert "args" not in messages["test.nothing"]["payload"]["required"]


def test_close_codes_say_whether_to_come_back(api: AsyncApi) -> None:
    (channel,) = api.channels.values()
    told = {(close.code, close.name, close.reason, close.reconnect) for close in channel.close_codes}
    assert told == {(code.value, code.name, code.reason, code < 4500) for code in CloseCode}
