"""Clients of the event stream: one that reads only when it is told to, and a screen."""

from __future__ import annotations

import asyncio
import json
import re
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Protocol

import pytest
from msgspec import Struct

from tests.realtime.screens import DEADLINE, Document, Screen, token_of

if TYPE_CHECKING:
    from hub.security.principal import Principal

PATH = "/api/v1/events"


class Address(Protocol):
    """Where a hub serves."""

    @property
    def host(self) -> str: ...

    @property
    def port(self) -> int: ...


class Sent(Struct, frozen=True):
    """One block of a stream. `data` is None for a comment, or when there is only `retry`."""

    data: Document | None
    id: str | None = None
    event: str | None = None
    retry: int | None = None


class Stream:
    """An answer, whatever it is. `frames` is everything that has been read of a stream."""

    def __init__(
        self, status: int, headers: dict[str, str], reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.status = status
        self.headers = headers
        self.sent: list[Sent] = []
        self.writer = writer
        self._reader = reader
        self._text = b""

    @property
    def last_id(self) -> str:
        """What a browser would send as Last-Event-ID."""
        return next(one.id for one in reversed(self.sent) if one.id is not None)

    async def problem(self) -> Document:
        """The document of an answer that is no stream."""
        assert self.headers["content-type"] == "application/problem+json", self.headers
        async with asyncio.timeout(DEADLINE):
            document: Document = json.loads(
                await self._reader.readexactly(int(self.headers["content-length"]))
            )
        return document

    async def receive(self) -> Sent:
        """The next block. Raises EOFError at the lawful end, ConnectionError at any other."""
        async with asyncio.timeout(DEADLINE):
            while b"\n\n" not in self._text:
                try:
                    size = int(await self._reader.readuntil(b"\r\n"), 16)
                    chunk = await self._reader.readexactly(size + 2)
                except asyncio.IncompleteReadError:
                    raise ConnectionResetError from None
                if size == 0:
                    assert not self._text, "the stream ends inside a block"
                    raise EOFError
                self._text += chunk[:-2]
        block, _, self._text = self._text.partition(b"\n\n")
        sent = parsed(block.decode())
        self.sent.append(sent)
        return sent

    async def until(self, kind: str, /, **wanted: object) -> Document:
        """The next frame of this type with these fields."""
        while True:
            frame = (await self.receive()).data
            if (
                frame is not None
                and frame["type"] == kind
                and all(frame[name] == value for name, value in wanted.items())
            ):
                return frame

    async def end(self) -> Document | None:
        """Read to the end; the goodbye, if there was one."""
        with pytest.raises((EOFError, ConnectionError)) as caught:
            await self._read_on()
        last = self.sent[-1].data if self.sent else None
        bye = last if last is not None and last["type"] == "bye" else None
        assert bye is None or caught.type is EOFError, "a goodbye without an end"
        return bye

    async def _read_on(self) -> None:
        async with asyncio.timeout(DEADLINE):
            while True:
                await self.receive()

    def frames(self, kind: str) -> list[Document]:
        """The frames of this type that have been read."""
        return [one.data for one in self.sent if one.data is not None and one.data["type"] == kind]


def parsed(block: str) -> Sent:
    """As the standard reads a block, and no field that it does not know."""
    if block.startswith(":"):
        return Sent(None)
    fields = dict(line.split(": ", 1) for line in block.split("\n"))
    assert fields.keys() <= {"id", "event", "data", "retry"}, fields
    data = json.loads(fields["data"]) if "data" in fields else None
    if data is not None:
        assert fields["event"] == data["type"]
    retry = fields.get("retry")
    return Sent(data, fields.get("id"), fields.get("event"), None if retry is None else int(retry))


@asynccontextmanager
async def stream(
    live: Address,
    principal: Principal | None,
    *,
    token: str | None = None,
    cookie: str | None = None,
    after: str | None = None,
    last: str | None = None,
    query: str = "",
    accept: str = "text/event-stream",
    method: str = "GET",
    receive_buffer: int | None = None,
) -> AsyncIterator[Stream]:
    """Ask for a stream, as `principal`, with `token`, or as a browser with the token in a `cookie`; going on
    at `after` in the address or `last` in the header."""
    if principal is not None:
        token = token_of(principal)
    if after is not None:
        query = f"after={after}"
    lines = [f"{method} {PATH}{query and '?'}{query} HTTP/1.1", "Host: hub", f"Accept: {accept}"]
    lines += [f"Authorization: Bearer {token}"] if token is not None else []
    lines += [f"Cookie: hub_access={cookie}"] if cookie is not None else []
    lines += [f"Last-Event-ID: {last}"] if last is not None else []
    raw = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    if receive_buffer is not None:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    raw.setblocking(False)
    await asyncio.get_running_loop().sock_connect(raw, (live.host, live.port))
    reader, writer = await asyncio.open_connection(sock=raw, limit=receive_buffer or 2**16)
    try:
        writer.write("\r\n".join([*lines, "", ""]).encode())
        async with asyncio.timeout(DEADLINE):
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        status, *fields = head.removesuffix("\r\n\r\n").split("\r\n")
        named = dict(re.split(r": *", field, maxsplit=1) for field in fields)
        yield Stream(
            int(status.split()[1]), {name.lower(): value for name, value in named.items()}, reader, writer
        )
    finally:
        writer.transport.abort()


class StreamScreen(Screen):
    """A screen that looks on through a stream, and checks that each id is the position of its frame."""

    _writer: asyncio.StreamWriter | None = None

    async def cut(self) -> None:
        if self._writer is not None:
            self._writer.transport.abort()

    async def _connect(self) -> None:
        host, port = self._address()
        last = None if self.position is None else f"{self.position[0]}:{self.position[1]}"
        async with stream(_At(host, port), self.principal, last=last) as mine:
            assert mine.status == 200, await mine.problem()
            self.connections += 1
            self._writer = mine.writer
            while True:
                try:
                    sent = await mine.receive()
                except EOFError:
                    return
                await self.paused.wait()
                if sent.data is not None:
                    self._apply(sent.data)
                    if sent.data["type"] in ("snapshot", "event", "position"):
                        assert self.position is not None
                        assert sent.id == f"{self.position[0]}:{self.position[1]}"
                    elif sent.data["type"] == "bye":
                        self.closes.append(sent.data["code"])
                self._changed.set()


class _At(Struct, frozen=True):
    host: str
    port: int
