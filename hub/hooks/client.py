"""Posts to an address that a manager has written down, and to nothing else that it may lead to.

The name is looked up here, every number that it leads to is judged, and the connection goes to one of these
numbers, while TLS and the request speak of the name: whoever owns the name cannot answer the judge with one
number and the connection with another. No redirect is followed and no proxy of the environment is used.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeAlias
from urllib.parse import urlsplit
from uuid import UUID
from weakref import WeakValueDictionary

import httpcore
from msgspec import Struct

import hub
from hub.hooks.addresses import allowed, is_number

if TYPE_CHECKING:
    from hub.hooks.model import Fault

# For which hotel, a host name, a port; the numbers that it leads to. Raises OSError.
Lookup: TypeAlias = Callable[[UUID, str, int], Awaitable[list[str]]]

_CONNECT_SECONDS: Final = 5.0
_SECONDS: Final = 10.0
# What is said beyond the status is nobody's business here; so much is taken that a server can end a short
# answer.
_ANSWER_BYTES: Final = 1024
_ANSWER_SECONDS: Final = 1.0
# Names are looked up apart: a name server that does not answer holds nobody else of this process. A thread
# waits for one for up to half a minute, whoever has given up.
_LOOKUPS: Final = 32
_LOOKUPS_OF_A_HOTEL: Final = 4
_NUMBERS: Final = 4


class Answer(Struct, frozen=True):
    """The status of the answer, when there was one, and what went wrong, when something did."""

    status: int | None = None
    fault: Fault | None = None


class _Refused(Exception):
    """A name leads where the hub must not go."""


class _UnknownName(Exception):
    pass


class Names:
    """Looks names up in threads of its own: one for each name of a hotel, and a few for each hotel. A name
    whose servers do not answer holds up neither the hotel's other names nor other hotels. `close` when nobody
    looks any more."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(_LOOKUPS, thread_name_prefix="names")
        self._turns: WeakValueDictionary[tuple[UUID, str], asyncio.Lock] = WeakValueDictionary()
        self._shares: WeakValueDictionary[UUID, asyncio.Semaphore] = WeakValueDictionary()

    async def look(self, tenant_id: UUID, host: str, port: int) -> list[str]:
        loop = asyncio.get_running_loop()
        turn = self._turns.setdefault((tenant_id, host), asyncio.Lock())
        share = self._shares.setdefault(tenant_id, asyncio.Semaphore(_LOOKUPS_OF_A_HOTEL))
        with contextlib.ExitStack() as stack:
            # the turn first: who waits for one name takes no part of the share
            await turn.acquire()
            stack.callback(turn.release)
            await share.acquire()
            stack.callback(share.release)
            job = self._threads.submit(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
            held = stack.pop_all()

        def over(_: object) -> None:
            with contextlib.suppress(RuntimeError):  # the loop has ended before the thread
                loop.call_soon_threadsafe(held.close)

        # whoever gives up leaves a thread that waits on: turn and share are held until its end
        job.add_done_callback(over)
        found = await asyncio.wrap_future(job)
        return list(dict.fromkeys(str(place[0]) for *_, place in found))

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)


class _Judged(httpcore.AnyIOBackend):
    """Connects to numbers that it has judged itself."""

    def __init__(self, look: Callable[[str, int], Awaitable[list[str]]], *, private: bool) -> None:
        self._look = look
        self._private = private

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        try:
            async with asyncio.timeout(_CONNECT_SECONDS):
                numbers = await self._numbers(host, port)
                for number in numbers[:-1]:
                    try:
                        return await super().connect_tcp(number, port, _CONNECT_SECONDS / len(numbers))
                    except (httpcore.ConnectError, httpcore.ConnectTimeout):
                        continue
                return await super().connect_tcp(numbers[-1], port, _CONNECT_SECONDS)
        except TimeoutError:
            raise httpcore.ConnectTimeout from None

    async def _numbers(self, host: str, port: int) -> list[str]:
        try:
            numbers = [host] if is_number(host) else await self._look(host, port)
        except (OSError, UnicodeError):
            raise _UnknownName from None
        if not all(allowed(number, private=self._private) for number in numbers):
            raise _Refused
        if not numbers:
            raise _UnknownName
        return numbers[:_NUMBERS]


class Client:
    """`private` lets it speak to what a house has inside, and without TLS; `tls` replaces the system's
    certificates."""

    def __init__(
        self, look: Lookup, *, private: bool, tls: ssl.SSLContext | None = None, seconds: float = _SECONDS
    ) -> None:
        self._look = look
        self._private = private
        self._schemes = (b"http", b"https") if private else (b"https",)
        self._tls = tls or ssl.create_default_context()
        self._seconds = seconds

    async def post(self, tenant_id: UUID, url: str, headers: dict[str, str], body: bytes) -> Answer:
        """Send a JSON body for a hotel. Never raises; it takes `seconds` at most."""
        place = _place(url)
        if place.scheme not in self._schemes:
            return Answer(fault="private_address")
        request = httpcore.Request(
            "POST",
            place,
            headers=[
                (b"Host", _host(place)),
                (b"Content-Type", b"application/json"),
                (b"Content-Length", str(len(body)).encode()),
                (b"User-Agent", f"hub/{hub.__version__}".encode()),
                (b"Connection", b"close"),
                *((name.encode(), value.encode()) for name, value in headers.items()),
            ],
            content=body,
            extensions={"timeout": {"connect": _CONNECT_SECONDS}},
        )
        connection = httpcore.AsyncHTTPConnection(
            place.origin,
            ssl_context=self._tls,
            network_backend=_Judged(partial(self._look, tenant_id), private=self._private),
        )
        try:
            async with asyncio.timeout(self._seconds):
                response = await connection.handle_async_request(request)
                await _end(response)
            return _judged(response.status)
        except Exception as error:  # noqa: BLE001 - whatever the other side does, it is the delivery that failed
            return Answer(fault=_fault(error))
        finally:
            await connection.aclose()


def _place(url: str) -> httpcore.URL:
    # its own reading of a URL cuts what follows a semicolon
    parts = urlsplit(url)
    query = f"?{parts.query}" if parts.query else ""
    return httpcore.URL(
        scheme=parts.scheme, host=parts.hostname or "", port=parts.port, target=f"{parts.path or '/'}{query}"
    )


def _host(url: httpcore.URL) -> bytes:
    host = b"[%s]" % url.host if b":" in url.host else url.host
    usual = {b"http": 80, b"https": 443}.get(url.scheme)
    return host if url.port in (None, usual) else b"%s:%d" % (host, url.port)


async def _end(response: httpcore.Response) -> None:
    """Let the server finish a short answer."""
    taken = 0
    try:
        async with asyncio.timeout(_ANSWER_SECONDS):
            async for chunk in response.aiter_stream():
                taken += len(chunk)
                if taken > _ANSWER_BYTES:
                    break
    except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException, TimeoutError):
        pass  # the status has been said


def _judged(status: int) -> Answer:
    if 200 <= status < 300:
        return Answer(status)
    return Answer(status, "redirected" if 300 <= status < 400 else "refused")


def _fault(error: Exception) -> Fault:
    match error:
        case _UnknownName():
            return "unknown_name"
        case _Refused():
            return "private_address"
        case httpcore.ConnectError() if isinstance(error.__cause__, ssl.SSLError):
            return "bad_certificate"
        case httpcore.ConnectError() | httpcore.ConnectTimeout():
            return "no_connection"
        case TimeoutError() | httpcore.TimeoutException():
            return "timed_out"
        case httpcore.NetworkError() | httpcore.ProtocolError():
            return "no_answer"
        case _:
            return "internal"
