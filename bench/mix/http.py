"""HTTP/1.1 as a client that costs little: requests built as bytes, one at a time on each connection."""

from __future__ import annotations

import asyncio
import re
import ssl
from typing import TYPE_CHECKING, Final, cast

if TYPE_CHECKING:
    from hub.drive.client import Address

_LENGTH: Final = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_MOST_CONNECTIONS: Final = 256


class Connection(asyncio.Protocol):
    """One connection that is kept."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._buffer = b""
        self._waiting: asyncio.Future[tuple[int, bytes]] | None = None
        self._body = -1  # where it begins
        self._end = 0

    @property
    def usable(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()

    async def ask(self, request: bytes) -> tuple[int, bytes]:
        """Status and body. Raises OSError."""
        if self._transport is None or self._transport.is_closing():
            raise ConnectionResetError("closed")
        self._waiting = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await self._waiting

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if self._body < 0:
            head = self._buffer.find(b"\r\n\r\n")
            if head < 0:
                return
            found = _LENGTH.search(self._buffer, 0, head)
            self._body = head + 4
            self._end = self._body + (int(found[1]) if found else 0)
        if len(self._buffer) >= self._end:
            answer = int(self._buffer[9:12]), self._buffer[self._body : self._end]
            self._buffer, self._body = self._buffer[self._end :], -1
            waiting, self._waiting = self._waiting, None
            if waiting is not None and not waiting.done():
                waiting.set_result(answer)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(ConnectionResetError("the connection broke"))


class Connections:
    """As many as are needed, at most 256."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._tls = ssl.create_default_context() if address.secure else None
        self._idle: list[Connection] = []
        self._door = asyncio.Semaphore(_MOST_CONNECTIONS)
        self._host = f"{address.host}:{address.port}"

    def request(
        self, method: str, path: str, token: str, body: bytes | None = None, key: str | None = None
    ) -> bytes:
        """As it goes over the wire."""
        head = f"{method} {path} HTTP/1.1\r\nHost: {self._host}\r\nAuthorization: Bearer {token}\r\n"
        if key is not None:
            head += f"Idempotency-Key: {key}\r\n"
        if body is None:
            return f"{head}\r\n".encode()
        kind = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        return f"{head}{kind}".encode() + body

    async def ask(self, request: bytes, seconds: float) -> tuple[int, bytes]:
        """Status and body. Raises OSError and TimeoutError."""
        async with self._door, asyncio.timeout(seconds):
            connection = await self._connection()
            try:
                answer = await connection.ask(request)
            except BaseException:  # after a cancellation too the next answer would be that of this request
                connection.close()
                raise
            self._idle.append(connection)
            return answer

    async def _connection(self) -> Connection:
        while self._idle:
            connection = self._idle.pop()
            if connection.usable:
                return connection
        where = self._address
        _, made = await asyncio.get_running_loop().create_connection(
            Connection, where.host, where.port, ssl=self._tls
        )
        return made

    def close(self) -> None:
        for connection in self._idle:
            connection.close()
