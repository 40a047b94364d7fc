"""`hub serve`: one process, or a supervisor with several workers on one port. A process that is told to
stop says goodbye to its sessions first, and only then uvicorn closes what is left."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import resource
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import uvicorn
import uvloop

from hub.app import open_hub, part_ended, pool_size
from hub.db.scope import utc_now
from hub.environment import load
from hub.errors import HubError, SettingError
from hub.meters import Desk
from hub.realtime.handshake import checked
from hub.telemetry import logs
from hub.telemetry.board import Board
from hub.web.listener import BACKLOG, bind, bind_metrics, tls_context
from hub.web.protocol import bounded
from hub.web.scrape import scrape
from hub.workers import FOLLOWS, LISTENER, METRICS, PARENT, WORKER, WRONG_SETTING, Supervisor

if TYPE_CHECKING:
    from hub.app import Hub
    from hub.settings import Settings

# Python's own are 700, 10, 10: with 10,000 sessions each full collection stops everything for long.
_COLLECT: Final = (50_000, 50, 50)
# libuv takes one connection of a listening socket in each turn of the loop. When thousands come back, who
# comes after them would wait for all of them; so the socket is there several times.
_ACCEPTS: Final = 8
_log = logging.getLogger(__name__)


def run(*, workers: int, embedded: bool, host: str | None, port: int | None) -> int:
    """Serve as the environment says until SIGTERM or SIGINT; the exit code.

    With `embedded`, PostgreSQL and Redis are started where their URLs are not set, and migrated. Raises
    SettingError and Unavailable.
    """
    environ = dict(os.environ)
    environ["HUB_WORKERS"] = str(workers)
    if host is not None:
        environ["HUB_HOST"] = host
    if port is not None:
        environ["HUB_PORT"] = str(port)
    with contextlib.ExitStack() as stack:
        if embedded:
            from hub.laptop import start_missing

            stack.enter_context(start_missing(environ, say=print))
        settings = load(environ)
        logs.configure(settings.log_level, settings.log_format)
        listener = bind(settings)
        stack.callback(listener.close)
        return serve(settings, environ, listener)


def serve(settings: Settings, environ: Mapping[str, str], listener: socket.socket) -> int:
    """Serve on `listener` with as many processes as the settings say; the exit code."""
    pool_size(settings)  # a budget that cannot work is told before anything starts
    if settings.workers > 1:
        return Supervisor(settings, environ, listener, None).run()
    return uvloop.run(work(settings, listener, metrics=bind_metrics(settings)))


async def work(
    settings: Settings,
    listener: socket.socket,
    parent: int | None = None,
    *,
    metrics: socket.socket | None = None,
    desk: Desk | None = None,
    follows: bool = False,
) -> int:
    """One process: serve until a signal comes, or the end of the pipe `parent`; then leave politely. One that
    `follows` never leads."""
    _raise_descriptor_limit()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(_report)
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    if parent is not None:
        # Nothing is ever written to it: readable means that the parent is gone.
        loop.add_reader(parent, stop.set)
    async with serving(settings, listener, metrics=metrics, desk=desk, follows=follows) as hub:
        _rarely_collect()
        stopped = asyncio.create_task(stop.wait())
        ends: list[asyncio.Future[Any]] = [stopped, hub.failed]
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        if parent is not None:
            loop.remove_reader(parent)
        await hub.drain()
        return 1 if hub.failed.done() and hub.failed.exception() else 0


@contextlib.asynccontextmanager
async def serving(
    settings: Settings,
    listener: socket.socket,
    *,
    clock: Callable[[], datetime] = utc_now,
    metrics: socket.socket | None = None,
    desk: Desk | None = None,
    follows: bool = False,
) -> AsyncIterator[Hub]:
    """A hub that serves on `listener` inside the block, and its metrics on `metrics`."""
    tls = tls_context(settings)
    async with open_hub(settings, clock=clock, desk=desk, follows=follows) as hub:
        config = uvicorn.Config(
            hub.app,
            loop="none",
            http=bounded(settings),
            ws=checked(),
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            # uvicorn would believe X-Forwarded-For of everything on this machine by itself
            proxy_headers=bool(settings.trusted_proxies),
            forwarded_allow_ips=list(settings.trusted_proxies),
            ssl_context_factory=None if tls is None else lambda *_: tls,
            ws_max_size=settings.frame_bytes,
            ws_per_message_deflate=False,
            ws_ping_interval=None,  # the hub asks its sockets itself, all with one timer
            timeout_graceful_shutdown=3,
        )
        server = _Server(config, settings.header_seconds)
        # A line for each socket that opens is noise; what goes wrong still shows.
        logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
        async with contextlib.AsyncExitStack() as stack:
            if metrics is not None:
                await stack.enter_async_context(_scraped(settings, metrics, hub))
            await stack.enter_async_context(_running(server, listener, hub))
            yield hub


def _scraped(
    settings: Settings, listener: socket.socket, hub: Hub
) -> contextlib.AbstractAsyncContextManager[None]:
    """/metrics on its own socket, inside the block."""
    config = uvicorn.Config(
        scrape(hub.meters.text, settings.metrics_token),
        loop="none",
        http=bounded(settings),
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=1,
    )
    return _running(_Server(config, settings.header_seconds), listener, hub)


@contextlib.asynccontextmanager
async def _running(server: _Server, listener: socket.socket, hub: Hub) -> AsyncIterator[None]:
    """A server, inside the block; when it ends by itself the hub has failed."""
    task = asyncio.create_task(server.serve(sockets=[listener]), name="uvicorn")
    task.add_done_callback(lambda task: part_ended(task, hub.failed, wanted=server.should_exit))
    try:
        yield
    finally:
        server.should_exit = True
        await task


def _report(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Errors that nobody waits for. A client that leaves in the middle of a transaction makes none:
    asyncpg rolls it back, and calls that an error of the program."""
    if not str(context.get("message")).startswith("Resetting connection with an active transaction"):
        loop.default_exception_handler(context)


def _rarely_collect() -> None:
    """What is there now stays to the end, and sessions leave no cycles: the collector would only walk over
    them all, again and again, while thousands come back."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_COLLECT)


def _raise_descriptor_limit() -> None:
    """Each socket is a descriptor, and the usual soft limit of 1,024 is soon reached."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers: they would close every socket before the hub has said goodbye."""

    def __init__(self, config: uvicorn.Config, handshake_seconds: float) -> None:
        super().__init__(config)
        self._handshake_seconds = handshake_seconds

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """As uvicorn's own, with a deadline for the TLS handshake: the loop's is a minute."""
        config = self.config

        def protocol() -> asyncio.Protocol:
            kind: Any = config.http_protocol_class
            made: asyncio.Protocol = kind(config=config, server_state=self.server_state, app_state={})
            return made

        loop = asyncio.get_running_loop()
        self.servers = [
            await loop.create_server(
                protocol,
                sock=one,
                backlog=BACKLOG,
                ssl=config.ssl,
                ssl_handshake_timeout=self._handshake_seconds if config.ssl else None,
            )
            for listener in sockets or ()
            for one in (listener, *(listener.dup() for _ in range(_ACCEPTS - 1)))
        ]
        self.started = True


def _main() -> int:
    """What `spawn` starts: the socket is inherited, the settings stand in the environment."""
    environ = dict(os.environ)
    listener = socket.socket(fileno=int(environ.pop(LISTENER)))
    parent = int(environ.pop(PARENT))
    worker, follows = environ.pop(WORKER) == "1", environ.pop(FOLLOWS) == "1"
    shared = environ.pop(METRICS, "")
    settings = load(environ)
    logs.configure(settings.log_level, settings.log_format)
    if settings.workers > 1 and not (worker or follows):
        return Supervisor(settings, environ, listener, parent).run()
    metrics, desk = None, None
    if shared:
        number, board, slot = map(int, shared.split())
        metrics, desk = socket.socket(fileno=number), Desk(Board(board), slot)
    elif not worker:
        metrics = bind_metrics(settings)
    return uvloop.run(work(settings, listener, parent, metrics=metrics, desk=desk, follows=follows))


if __name__ == "__main__":
    try:
        sys.exit(_main())
    except HubError as error:
        _log.critical("the hub cannot start", extra={"reason": error.message})
        sys.exit(WRONG_SETTING if isinstance(error, SettingError) else 1)
