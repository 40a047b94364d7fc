"""`hub serve`: one process, or a supervisor with several workers on one port.

The supervisor binds the port once and hands the socket to every worker; the kernel gives each connection to
one of them. It owns the signals, replaces a worker that dies, and stops when told to: the workers say goodbye
to their sessions first, and only then uvicorn closes what is left.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import gc
import logging
import os
import resource
import select
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import uvicorn
import uvloop

from hub.app import open_hub, part_ended, pool_size
from hub.db.scope import utc_now
from hub.errors import HubError, SettingError
from hub.meters import Desk
from hub.realtime.handshake import checked
from hub.settings import load
from hub.telemetry import logs
from hub.telemetry.board import Board
from hub.web.protocol import bounded
from hub.web.scrape import scrape

if TYPE_CHECKING:
    from hub.app import Hub
    from hub.settings import Settings

_BACKLOG: Final = 4096
# Python's own are 700, 10, 10: with 10,000 sessions each full collection stops everything for long.
_COLLECT: Final = (50_000, 50, 50)
_SEND_BUFFER: Final = 256 * 1024
_PEER_MILLISECONDS: Final = 30_000
# A worker that lives no longer than this did not come up; trying at once again would only make noise.
_SHORT_LIFE_SECONDS: Final = 5.0
_RESTART_SECONDS: Final = 1.0
# The exit status of a process that no new start will help.
_WRONG_SETTING: Final = 2
_KILL_AFTER_SECONDS: Final = 10.0
# For a process that `spawn` starts: the numbers of the socket and of the parent's pipe, and what it is.
_LISTENER: Final = "HUB_SPAWN_LISTENER"
_PARENT: Final = "HUB_SPAWN_PARENT"
_WORKER: Final = "HUB_SPAWN_WORKER"
# For a worker, where there are metrics: the numbers of their socket and board, and which worker it is.
_METRICS: Final = "HUB_SPAWN_METRICS"
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


def bind(settings: Settings) -> socket.socket:
    """The listening socket. Raises SettingError when the address is taken or not ours."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    # Accepted sockets inherit both. What the kernel holds for a peer that does not read is bounded, and one
    # that takes nothing for so long is cut off by the kernel, whatever the server above it waits for.
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _PEER_MILLISECONDS)
    try:
        listener.bind((settings.host, settings.port))
    except OSError as error:
        listener.close()
        raise SettingError(
            f"cannot listen on {settings.host} port {settings.port}: {error.strerror}; "
            "set HUB_HOST and HUB_PORT, or --port.",
            field="HUB_PORT",
        ) from error
    listener.listen(_BACKLOG)
    return listener


def bind_metrics(settings: Settings) -> socket.socket | None:
    """The listening socket of /metrics; None when there shall be none. Raises SettingError."""
    host, port = settings.metrics_host, settings.metrics_port
    if port is None:
        return None
    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        raise SettingError(
            f"cannot listen on {host} port {port}: {error.strerror}; set HUB_METRICS_HOST and "
            "HUB_METRICS_PORT.",
            field="HUB_METRICS_PORT",
        ) from error


def serve(settings: Settings, environ: Mapping[str, str], listener: socket.socket) -> int:
    """Serve on `listener` with as many processes as the settings say; the exit code."""
    pool_size(settings)  # a budget that cannot work is told before anything starts
    if settings.workers > 1:
        return _Supervisor(settings, environ, listener, None).run()
    return uvloop.run(work(settings, listener, metrics=bind_metrics(settings)))


async def work(
    settings: Settings,
    listener: socket.socket,
    parent: int | None = None,
    *,
    metrics: socket.socket | None = None,
    desk: Desk | None = None,
) -> int:
    """One process: serve until a signal comes, or the end of the pipe `parent`; then leave politely."""
    _raise_descriptor_limit()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    if parent is not None:
        # Nothing is ever written to it: readable means that the parent is gone.
        loop.add_reader(parent, stop.set)
    async with serving(settings, listener, metrics=metrics, desk=desk) as hub:
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
) -> AsyncIterator[Hub]:
    """A hub that serves on `listener` inside the block, and its metrics on `metrics`."""
    tls = tls_context(settings)
    async with open_hub(settings, clock=clock, desk=desk) as hub:
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


def tls_context(settings: Settings) -> ssl.SSLContext | None:
    """TLS 1.3 and nothing older; None when the settings name no certificate. Raises SettingError."""
    if settings.tls_certificate is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.set_alpn_protocols(["http/1.1"])
    try:
        context.load_cert_chain(settings.tls_certificate, settings.tls_key, _no_passphrase)
    except (OSError, ValueError) as error:
        raise SettingError(
            f"HUB_TLS_CERTIFICATE and HUB_TLS_KEY cannot be read ({type(error).__name__}); expected two PEM "
            "files of one pair, the key without a passphrase.",
            field="HUB_TLS_CERTIFICATE",
        ) from error
    return context


def _no_passphrase() -> str:
    """Asked for the passphrase of a key; without it OpenSSL would ask the terminal."""
    raise ValueError("the key has a passphrase")


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
                sock=listener,
                backlog=_BACKLOG,
                ssl=config.ssl,
                ssl_handshake_timeout=self._handshake_seconds if config.ssl else None,
            )
            for listener in sockets or ()
        ]
        self.started = True


@functools.cache
def _lifeline() -> int:
    """The reading end of a pipe that closes when this process dies, however it dies. Children watch it."""
    reading, _ = os.pipe()  # the writing end is not inherited, and is never closed
    return reading


def spawn(
    environ: Mapping[str, str],
    listener: socket.socket,
    *,
    worker: bool = False,
    metrics: tuple[socket.socket, Desk] | None = None,
) -> subprocess.Popen[bytes]:
    """Start `serve` in a process of its own that ends with this one; as a `worker` it is one process for
    sure, with its share in the supervisor's `metrics`."""
    inherited = [listener.fileno(), _lifeline()]
    names = {_LISTENER: str(inherited[0]), _PARENT: str(inherited[1]), _WORKER: str(int(worker))}
    if metrics is not None:
        numbers = (metrics[0].fileno(), metrics[1].board.descriptor)
        inherited += numbers
        names[_METRICS] = " ".join(map(str, (*numbers, metrics[1].slot)))
    return subprocess.Popen([sys.executable, "-m", "hub.serve"], env={**environ, **names}, pass_fds=inherited)


class _Supervisor:
    def __init__(
        self, settings: Settings, environ: Mapping[str, str], listener: socket.socket, parent: int | None
    ) -> None:
        self._settings = settings
        self._environ = environ
        self._listener = listener
        self._parent = parent
        # By worker: its number, and since when it runs.
        self._workers: dict[subprocess.Popen[bytes], tuple[int, float]] = {}
        self._metrics = bind_metrics(settings)
        self._board = None if self._metrics is None else Board.new(settings.workers)

    def run(self) -> int:
        """Serve until told to stop; the exit code."""
        woken, write = os.pipe()
        os.set_blocking(write, False)
        signal.set_wakeup_fd(write)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD):
            signal.signal(number, lambda *_: None)
        for slot in range(self._settings.workers):
            self._spawn(slot)
        watched = [woken] if self._parent is None else [woken, self._parent]
        while True:
            readable, _, _ = select.select(watched, [], [])
            if self._parent in readable:
                return self._stop()
            if {signal.SIGTERM, signal.SIGINT} & set(os.read(woken, 64)):
                return self._stop()
            if (status := self._replace_dead()) is not None:
                self._stop()
                return status

    def _spawn(self, slot: int) -> None:
        metrics = None
        if self._metrics is not None and self._board is not None:
            metrics = self._metrics, Desk(self._board, slot)
        worker = spawn(self._environ, self._listener, worker=True, metrics=metrics)
        self._workers[worker] = slot, time.monotonic()

    def _replace_dead(self) -> int | None:
        """Start a worker for each that has ended; the exit status when a new one would end the same way."""
        for worker in [one for one in self._workers if one.poll() is not None]:
            slot, started = self._workers.pop(worker)
            lived = time.monotonic() - started
            if self._board is not None:
                self._board.bury(slot)
            _log.error("a worker ended", extra={"pid": worker.pid, "status": worker.returncode})
            if worker.returncode == _WRONG_SETTING:
                return _WRONG_SETTING
            if lived < _SHORT_LIFE_SECONDS:
                time.sleep(_RESTART_SECONDS)
            self._spawn(slot)
        return None

    def _stop(self) -> int:
        for worker in self._workers:
            worker.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + self._settings.drain_seconds + _KILL_AFTER_SECONDS
        code = 0
        for worker in self._workers:
            try:
                code = worker.wait(max(0.1, deadline - time.monotonic())) or code
            except subprocess.TimeoutExpired:
                worker.kill()
                code = 1
        return code


def _main() -> int:
    """What `spawn` starts: the socket is inherited, the settings stand in the environment."""
    environ = dict(os.environ)
    listener = socket.socket(fileno=int(environ.pop(_LISTENER)))
    parent = int(environ.pop(_PARENT))
    worker = environ.pop(_WORKER) == "1"
    shared = environ.pop(_METRICS, "")
    settings = load(environ)
    logs.configure(settings.log_level, settings.log_format)
    if settings.workers > 1 and not worker:
        return _Supervisor(settings, environ, listener, parent).run()
    metrics, desk = None, None
    if shared:
        number, board, slot = map(int, shared.split())
        metrics, desk = socket.socket(fileno=number), Desk(Board(board), slot)
    elif not worker:
        metrics = bind_metrics(settings)
    return uvloop.run(work(settings, listener, parent, metrics=metrics, desk=desk))


if __name__ == "__main__":
    try:
        sys.exit(_main())
    except HubError as error:
        _log.critical("the hub cannot start", extra={"reason": error.message})
        sys.exit(_WRONG_SETTING if isinstance(error, SettingError) else 1)
