"""A server that gets what is sent, and answers as a test wants."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final, TypeAlias

from msgspec import Struct

DEADLINE: Final = 10.0
OK: Final = b"HTTP/1.1 204 No Content\r\n\r\n"


class Got(Struct, frozen=True):
    """A request; the names of its headers are in lower case."""

    path: str
    headers: dict[str, str]
    body: bytes


# What is done with a request: the bytes of the answer, or whatever it does with the connection itself.
Answers: TypeAlias = Callable[[Got, asyncio.StreamWriter], Awaitable[bytes]]


async def fine(_: Got, __: asyncio.StreamWriter) -> bytes:
    return OK


def says(answer: bytes) -> Answers:
    """Always the same."""

    async def say(_: Got, __: asyncio.StreamWriter) -> bytes:
        return answer

    return say


def status(code: int, *more: str) -> Answers:
    head = "\r\n".join([f"HTTP/1.1 {code} So", "Content-Length: 0", *more])
    return says(f"{head}\r\n\r\n".encode())


async def silent(_: Got, __: asyncio.StreamWriter) -> bytes:
    await asyncio.Event().wait()
    raise AssertionError


class Receiver:
    """`got` are all requests so far, `names` those that TLS was asked for; `answers` may be changed."""

    def __init__(self, port: int, *, tls: bool) -> None:
        self.port = port
        self.url = f"{'https' if tls else 'http'}://hooks.example:{port}/told"
        self.got: list[Got] = []
        self.names: list[str | None] = []
        self.answers: Answers = fine
        self.connections = 0
        self.came = asyncio.Event()

    async def several(self, count: int) -> list[Got]:
        """All requests, when there are so many."""
        async with asyncio.timeout(DEADLINE):
            while len(self.got) < count:
                self.came.clear()
                await self.came.wait()
        return self.got

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        # whoever sends goes away when it likes
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            headers = {
                name.lower(): value for name, value in (line.split(": ", 1) for line in head[1:] if line)
            }
            body = await reader.readexactly(int(headers["content-length"]))
            request = Got(head[0].split(" ")[1], headers, body)
            self.got.append(request)
            self.came.set()
            writer.write(await self.answers(request, writer))
            await writer.drain()
        writer.close()


@asynccontextmanager
async def receiving(tls: ssl.SSLContext | None = None) -> AsyncIterator[Receiver]:
    """A server on a port of its own on 127.0.0.1."""
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            await receiver._serve(reader, writer)
        except asyncio.CancelledError:
            writer.transport.abort()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    receiver = Receiver(server.sockets[0].getsockname()[1], tls=tls is not None)
    if tls is not None:
        tls.sni_callback = lambda _, name, __: receiver.names.append(name)
    yield receiver
    server.close()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
