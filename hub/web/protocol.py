"""uvicorn's HTTP/1.1 protocol with bounds on what a client may send before it is answered, and for how long.

uvicorn waits for a request's end without any: a few thousand idle connections, or one header without an end,
would take the hub's descriptors or its memory.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final, cast

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from hub.errors import HeadersTooLong, HubError, InvalidInput, SettingError
from hub.web.headers import HEADERS
from hub.web.problems import problem

if TYPE_CHECKING:
    from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

    from hub.settings import Settings

# In the ASGI scope's extensions: the connection, as far as `BoundedProtocol` says.
EXTENSION: Final = "hub.connection"
# What this module overrides or reads; a uvicorn that has renamed one would serve without the bounds.
_METHODS: Final = (
    "connection_made",
    "connection_lost",
    "data_received",
    "handle_websocket_upgrade",
    "on_headers_complete",
    "on_body",
    "on_message_complete",
    "send_400_response",
)
_ATTRIBUTES: Final = frozenset({"transport", "cycle", "loop", "parser", "scope"})


def bounded(settings: Settings) -> type[HttpToolsProtocol]:
    """For `uvicorn.Config(http=...)`. Raises SettingError when the installed uvicorn is of another make."""
    methods = all(callable(getattr(HttpToolsProtocol, name, None)) for name in _METHODS)
    if not methods or _ATTRIBUTES - {*HttpToolsProtocol.__init__.__code__.co_names}:
        raise SettingError(
            "the installed uvicorn is not the one that this hub was built for; install the version of "
            "deploy/constraints.txt.",
            field="uvicorn",
        )

    class Bounded(BoundedProtocol):
        header_bytes = settings.header_bytes
        header_seconds = settings.header_seconds
        request_seconds = settings.request_seconds

    return Bounded


class BoundedProtocol(HttpToolsProtocol):
    """Closes a connection that is silent, drips, or sends a head that is too long; that answers 431 first.

    What the parser holds back unfinished is counted: the head of a request, or, inside a body, the framing
    and trailers of chunks. A head that follows another request in the same packet may be twice as long.
    """

    header_bytes: int
    header_seconds: float
    request_seconds: float

    _in_body = False
    _upgraded = False
    _unfinished = 0  # bytes given to the parser since it last finished something
    _timer: asyncio.TimerHandle | None = None

    def abort(self) -> None:
        """Close at once, whatever the peer has not taken."""
        self.transport.abort()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
        super().connection_made(transport)
        self._await_rest(self.header_seconds)

    def connection_lost(self, exc: Exception | None) -> None:
        self._arrived()
        super().connection_lost(exc)
        self._let_go()

    def _let_go(self) -> None:
        """Of what holds this: the garbage collector comes rarely."""
        nothing = cast("Any", None)
        self.parser = self.scope = self.cycle = nothing

    def data_received(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest and not (self._upgraded or self.transport.is_closing()):
            piece = rest[: self.header_bytes - self._unfinished]
            rest = rest[len(piece) :]
            self._unfinished += len(piece)
            super().data_received(piece)  # type: ignore[arg-type]  # the parser reads any buffer
            if self._unfinished >= self.header_bytes and not self._upgraded:
                self._refuse(HeadersTooLong(f"The headers are over {self.header_bytes} bytes."))
        if self._timer is None and not (self._upgraded or self.transport.is_closing()):
            if self._in_body:
                self._await_rest(self.request_seconds)
            elif self._unfinished:
                self._await_rest(self.header_seconds)

    def handle_websocket_upgrade(self) -> None:
        self._upgraded = True
        self._arrived()
        super().handle_websocket_upgrade()
        self._let_go()

    def on_headers_complete(self) -> None:
        self._in_body = True
        self._unfinished = 0
        self._arrived()
        cast("dict[str, Any]", self.scope)["extensions"] = {EXTENSION: self}
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._unfinished = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._in_body = False
        self._unfinished = 0
        self._arrived()
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        self._refuse(InvalidInput("This is not a request in HTTP/1.1."))

    def _refuse(self, error: HubError) -> None:
        """Answer and close; only close while an earlier answer is on its way."""
        if not self._answering():
            answer = problem(error)
            lines = [
                STATUS_LINE[error.status],
                *(b"%b: %b\r\n" % header for header in (*answer.raw_headers, *HEADERS)),
                b"connection: close\r\n\r\n",
                bytes(answer.body),
            ]
            self.transport.write(b"".join(lines))
        self.transport.close()

    def _answering(self) -> bool:
        cycle = cast("RequestResponseCycle | None", self.cycle)
        return cycle is not None and not cycle.response_complete

    def _await_rest(self, seconds: float) -> None:
        self._timer = self.loop.call_later(seconds, self._too_late)

    def _arrived(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _too_late(self) -> None:
        self._timer = None
        if self._answering() and not self._in_body:
            # the next request waits behind this answer; its time begins when it could be read
            self._await_rest(self.header_seconds)
        else:
            self.transport.close()
