"""The AsyncAPI 3.0 document of the socket, made from its frames and the table of operations."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from typing import Any, Final

import msgspec
from msgspec import Struct
from starlette.routing import Route

from hub import __version__
from hub.operations import Operation
from hub.security.permissions import holders
from hub.web.description import Json, served

PATH: Final = "/api/asyncapi.json"
_CHANNEL: Final = "socket"


class Close(Struct, frozen=True):
    """A close code. `reconnect`: a client may come back by itself."""

    code: int
    name: str
    reason: str
    reconnect: bool


class Socket(Struct, frozen=True, kw_only=True):
    """What is said over the socket at `path`: the frames that clients send, one of which is `command`, and
    those that the hub sends, some of which are the `replies` to a command."""

    path: str
    subprotocol: str
    command: type[Struct]
    received: tuple[type[Struct], ...]
    sent: tuple[type[Struct], ...]
    replies: tuple[type[Struct], ...]
    close_codes: tuple[Close, ...]


def route(socket: Socket, operations: Iterable[Operation]) -> Route:
    """Serves the document of `socket` and the commands that it takes."""
    return served(PATH, "asyncapi", document(socket, operations))


def document(socket: Socket, operations: Iterable[Operation]) -> Json:
    """The document as JSON values, commands in the order of their table."""
    table = list(operations)
    types: list[type[Struct]] = [
        *dict.fromkeys([*socket.received, *socket.sent, *(operation.args for operation in table)])
    ]
    references, components = msgspec.json.schema_components(
        types, schema_hook=_anything, ref_template="#/components/schemas/{name}"
    )
    schemas = dict(zip(types, references, strict=True))
    messages: Json = {}
    actions: Json = {}
    for frame in (*socket.received, *socket.sent):
        if frame is not socket.command:
            name = frame.__name__
            messages[name] = _message(_tag(frame), schemas[frame], frame.__doc__)
            actions[name] = _action("receive" if frame in socket.received else "send", [name], frame.__doc__)
    # Each command says more of its frame than the frame that all of them share.
    shape = components.pop(socket.command.__name__)
    for operation in table:
        payload = _command(shape, operation, schemas[operation.args])
        messages[operation.name] = _message(operation.name, payload, operation.run.__doc__)
        action = _action("receive", [operation.name], operation.run.__doc__)
        replies = [frame.__name__ for frame in socket.replies]
        action["reply"] = {"channel": _channel(), "messages": [_said(name) for name in replies]}
        actions[operation.name] = action | {
            "x-permission": operation.permission,
            "x-actors": holders(operation.permission),
            "x-writes": operation.writes,
            "x-once": operation.once,
        }
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Hub",
            "version": __version__,
            "description": "Live orders between a hotel's guest tablets and its kitchen screens. A client "
            "says Hello with its token first. Who cannot hold a socket gets the frames that the hub sends "
            "from GET /api/v1/events. Every time is RFC 3339 in UTC, every amount integer yen.",
        },
        "defaultContentType": "application/json",
        "servers": {
            "hub": {
                "host": "{host}",
                "protocol": "wss",
                "variables": {"host": {"description": "Where the hub is served, with its port."}},
            }
        },
        "channels": {
            _CHANNEL: {
                "address": socket.path,
                "description": "One session. `x-once` commands need an `op_id`, kept until the reply: the "
                "same one again changes nothing and gets the same answer.",
                "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in messages},
                "bindings": {"ws": {"method": "GET", "headers": _headers(socket.subprotocol)}},
                "x-close-codes": msgspec.to_builtins(socket.close_codes),
            }
        },
        "operations": actions,
        "components": {"schemas": dict(sorted(components.items())), "messages": messages},
    }


def _command(shape: Json, operation: Operation, args: Json) -> Json:
    """The schema of this command's frame, from that of any command."""
    properties = {**shape["properties"], "name": {"const": operation.name}, "args": args}
    required = [*shape["required"]]
    if any(field.required for field in msgspec.structs.fields(operation.args)):
        required.append("args")
    if operation.once:
        properties["op_id"] = {"type": "string", "format": "uuid"}
        required.append("op_id")
    return {"type": "object", "properties": properties, "required": required}


def _message(name: str, payload: Json, text: str | None) -> Json:
    return {"name": name, "payload": payload, **_summary(text)}


def _action(action: str, messages: list[str], text: str | None) -> Json:
    return {
        "action": action,
        "channel": _channel(),
        "messages": [_said(name) for name in messages],
        **_summary(text),
    }


def _summary(text: str | None) -> Json:
    # what follows the first paragraph speaks of the code
    return {"summary": " ".join(inspect.cleandoc(text).split("\n\n")[0].split())} if text else {}


def _channel() -> Json:
    return {"$ref": f"#/channels/{_CHANNEL}"}


def _said(name: str) -> Json:
    return {"$ref": f"#/channels/{_CHANNEL}/messages/{name}"}


def _headers(subprotocol: str) -> Json:
    return {
        "type": "object",
        "properties": {"Sec-WebSocket-Protocol": {"const": subprotocol}},
        "required": ["Sec-WebSocket-Protocol"],
    }


def _anything(kind: type) -> Json:
    """The schema of what msgspec has none for: `object` holds any JSON value."""
    if kind is object:
        return {"description": "Any JSON value."}
    raise NotImplementedError  # msgspec then names the type that has no schema


def _tag(frame: type[Struct]) -> Any:
    return frame.__struct_config__.tag
