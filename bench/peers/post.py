"""How an event gets to a server: published in Redis in the form that the server's own library publishes, or
posted over HTTP to nchan. Nothing waits for the answer, and errors in answers end the client."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import Final, Protocol, cast

import msgspec

from hub.errors import Unavailable

# nchan: an event of one group must not overtake another of it, so a group keeps to its connection.
_CONNECTIONS: Final = 16
# PUBLISH is answered with a number that is not negative, or with an error.
_REDIS_ERRORS: Final = (b"-",)
_HTTP_ERRORS: Final = (b"HTTP/1.1 4", b"HTTP/1.1 5")
_UID: Final = "bench1"
_HOST_ID: Final = "bench"


class Post(Protocol):
    """`built` makes the bytes that publish an event's text in a group; `send` sends them."""

    def built(self, group: int, text: bytes) -> bytes: ...

    def send(self, group: int, built: bytes) -> None: ...

    def close(self) -> None: ...


class _Line(asyncio.Protocol):
    """A connection whose answers are only looked at for errors."""

    def __init__(self, errors: tuple[bytes, ...], failed: Callable[[str], None]) -> None:
        self._errors = errors
        self._failed = failed
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        if any(error in data for error in self._errors):
            self._failed(f"publishing was refused: {data[:200]!r}")

    def connection_lost(self, exc: Exception | None) -> None:
        if self._transport is not None:
            self._transport = None
            self._failed("the connection that publishes is lost")

    def write(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.write(data)

    def close(self) -> None:
        transport, self._transport = self._transport, None
        if transport is not None:
            transport.close()


class RedisPost:
    """`wrapped` gives channel and message for an event's text in a group."""

    def __init__(self, line: _Line, wrapped: Callable[[int, bytes], tuple[str, bytes]]) -> None:
        self._line = line
        self._wrapped = wrapped

    def built(self, group: int, text: bytes) -> bytes:
        return publish_command(*self._wrapped(group, text))

    def send(self, group: int, built: bytes) -> None:
        self._line.write(built)

    def close(self) -> None:
        self._line.close()


class HttpPost:
    def __init__(self, lines: list[_Line]) -> None:
        self._lines = lines

    def built(self, group: int, text: bytes) -> bytes:
        head = f"POST /publish/{group} HTTP/1.1\r\nHost: bench\r\nContent-Length: {len(text)}\r\n\r\n"
        return head.encode() + text

    def send(self, group: int, built: bytes) -> None:
        self._lines[group % _CONNECTIONS].write(built)

    def close(self) -> None:
        for line in self._lines:
            line.close()


def publish_command(channel: str, message: bytes) -> bytes:
    """PUBLISH as Redis reads it."""
    name = channel.encode()
    head = b"*3\r\n$7\r\nPUBLISH\r\n$%d\r\n%b\r\n$%d\r\n" % (len(name), name, len(message))
    return head + message + b"\r\n"


async def open_post(server: str, port: int, redis: str, failed: Callable[[str], None]) -> Post:
    """The way to a server of `hosts.HOSTS`; `failed` gets the reason when it breaks. Raises Unavailable."""
    loop = asyncio.get_running_loop()
    try:
        if server == "nchan":
            made = [
                await loop.create_connection(lambda: _Line(_HTTP_ERRORS, failed), "127.0.0.1", port)
                for _ in range(_CONNECTIONS)
            ]
            return HttpPost([line for _, line in made])
        _, line = await loop.create_unix_connection(lambda: _Line(_REDIS_ERRORS, failed), redis)
    except OSError as error:
        raise Unavailable(f"nobody takes events for {server}: {error}") from error
    return RedisPost(line, _WRAPPED[server])


def _plain(group: int, text: bytes) -> tuple[str, bytes]:
    return f"room:{group}", text


def _hub(group: int, text: bytes) -> tuple[str, bytes]:
    raise AssertionError("the hub's messages are made from its log")


def _channels(group: int, text: bytes) -> tuple[str, bytes]:
    """What `channel_layer.group_send` publishes (channels_redis, pub/sub layer)."""
    message = {"type": "room.event", "text": text.decode()}
    return f"asgi__group__room-{group}", msgspec.msgpack.encode(message)


def _python_socketio(group: int, text: bytes) -> tuple[str, bytes]:
    """What a write-only `AsyncRedisManager` publishes for `emit("event", data, room=...)`."""
    message = {
        "method": "emit",
        "event": "event",
        "data": [msgspec.json.decode(text)],
        "binary": False,
        "namespace": "/",
        "room": str(group),
        "skip_sid": None,
        "callback": None,
        "host_id": _HOST_ID,
    }
    return "socketio", msgspec.json.encode(message)


def _socketio(group: int, text: bytes) -> tuple[str, bytes]:
    """What the Redis emitter publishes for `io.to(room).emit("event", data)`."""
    packet = {"type": 2, "data": ["event", msgspec.json.decode(text)], "nsp": "/"}
    options = {"rooms": [str(group)], "flags": {}, "except": []}
    return f"socket.io#/#{group}#", msgspec.msgpack.encode([_UID, packet, options])


_WRAPPED: Final[dict[str, Callable[[int, bytes], tuple[str, bytes]]]] = {
    "hub": _hub,
    "ws": _plain,
    "websockets": _plain,
    "channels": _channels,
    "python-socketio": _python_socketio,
    "socketio": _socketio,
}


def spread(groups: int, events: int) -> list[int]:
    """The group of each event: every group once in each pass, the order drawn anew."""
    order: list[int] = []
    chance = random.Random(events)
    while len(order) < events:
        order += chance.sample(range(groups), groups)
    return order[:events]
