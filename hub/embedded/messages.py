"""What a user of the servers and their keeper say to each other: JSON lines, each request answered."""

from __future__ import annotations

import socket
from typing import Literal

import msgspec
from msgspec import Struct

from hub.embedded.resolve import PostgresBinaries, RedisBinary

SOCKET = "keeper.sock"
Server = Literal["postgres", "redis"]
Action = Literal["stop", "start", "restart", "kill"]


class Join(Struct, tag="join", frozen=True):
    """The first request of a user; its connection is its claim on the servers."""

    postgres: PostgresBinaries
    redis: RedisBinary | None
    durable: bool
    shared: bool


class State(Struct, tag="state", frozen=True):
    """Which servers run."""


class Control(Struct, tag="control", frozen=True):
    server: Server
    action: Action


class Leave(Struct, tag="leave", frozen=True):
    """The answer comes when nobody waits for the servers any more: others use them, or they have stopped."""


Request = Join | State | Control | Leave


class Reply(Struct, frozen=True):
    """`error` when the request failed; the rest is the state after it. The binaries are those in use."""

    error: str | None = None
    postgres: PostgresBinaries | None = None
    redis: RedisBinary | None = None
    postgres_pid: int | None = None
    redis_pid: int | None = None


class Lines:
    """A socket as lines. `receive` blocks; None when the other side is gone."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self._buffer = b""

    def send(self, message: Request | Reply) -> None:
        self.connection.sendall(msgspec.json.encode(message) + b"\n")

    def receive(self) -> bytes | None:
        while b"\n" not in self._buffer:
            try:
                chunk = self.connection.recv(65536)
            except ConnectionResetError:
                return None
            if not chunk:
                return None
            self._buffer += chunk
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line
