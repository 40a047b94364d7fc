"""The servers that are measured: how each is started, as its own manual advises for production."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from bench.machine import pinned
from bench.peers import software
from bench.peers.software import NCHAN_MODULE, SERVERS, Software
from hub.environment import load
from hub.errors import Unavailable
from hub.web.listener import bind
from hub.workers import spawn

if TYPE_CHECKING:
    from bench.peers.ground import Ground

_START_SECONDS: Final = 30.0
_STOP_SECONDS: Final = 15.0
# Compression off, no line for each request, and a queue for handshakes that come all at once.
_UVICORN: Final = (
    *("--loop", "uvloop", "--http", "httptools", "--ws-per-message-deflate", "false"),
    *("--backlog", "4096", "--no-access-log", "--log-level", "error"),
)

Command = Callable[[str, int, str, Path], list[str]]


class Host(Struct, frozen=True):
    """A server. `software` finds or installs what it is made of; `command` makes its command line from
    program, port, path of Redis' socket and a folder of its own. `hop` says how events get in."""

    title: str
    software: Callable[[Callable[[str], None]], Software]
    command: Command
    hop: str = "Redis"


def _uvicorn(application: str) -> Command:
    def command(program: str, port: int, redis: str, folder: Path) -> list[str]:
        where = ["--app-dir", str(SERVERS), "--port", str(port)]
        return [program, "-m", "uvicorn", f"{application}:application", *where, *_UVICORN]

    return command


def _script(name: str) -> Command:
    def command(program: str, port: int, redis: str, folder: Path) -> list[str]:
        return [program, str(SERVERS / name), str(port), redis]

    return command


def _nginx(program: str, port: int, redis: str, folder: Path) -> list[str]:
    template = Template((SERVERS / "nginx.conf").read_text(encoding="utf-8"))
    path = folder / "nginx.conf"
    files = os.sysconf("SC_OPEN_MAX")
    path.write_text(
        template.substitute(module=NCHAN_MODULE, port=port, folder=folder, files=files), encoding="utf-8"
    )
    return [program, "-c", str(path), "-p", str(folder)]


def _hub(program: str, port: int, redis: str, folder: Path) -> list[str]:
    raise AssertionError("the hub is started with a socket")


HOSTS: Final[Mapping[str, Host]] = {
    "hub": Host("the hub", software.own, _hub),
    "nchan": Host("nginx + nchan", software.nginx, _nginx, hop="HTTP"),
    "ws": Host("Node, ws", software.node, _script("ws.cjs")),
    "websockets": Host("websockets, broadcast()", software.own, _script("websockets_app.py")),
    "socketio": Host("Socket.IO, Redis adapter", software.node, _script("socketio.cjs")),
    "python-socketio": Host("python-socketio", software.python, _uvicorn("socketio_app")),
    "channels": Host("Django Channels, pub/sub", software.python, _uvicorn("channels_app")),
}


class Running(Struct, frozen=True):
    """A server that answers."""

    pid: int
    port: int


@contextlib.contextmanager
def running(name: str, found: Software, ground: Ground, cores: tuple[int, ...] | None) -> Iterator[Running]:
    """Start a server on these cores; it ends with the block. Raises Unavailable."""
    with contextlib.ExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix=f"bench-{name}-"))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        log = stack.enter_context((folder / "log").open("wb+"))
        with pinned(cores):
            if name == "hub":
                listener = bind(load(ground.environ))
                stack.callback(listener.close)
                port = listener.getsockname()[1]
                process = spawn(ground.environ, listener)
            else:
                port = _free_port()
                process = subprocess.Popen(
                    [*_mortal(), *HOSTS[name].command(found.program, port, str(ground.redis), folder)],
                    env={**os.environ, **found.environ, "REDIS_URL": f"unix://{ground.redis}"},
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                )
        stack.callback(_stop, process)
        try:
            _wait(process, port)
        except Unavailable as error:
            log.seek(0)
            said = log.read().decode(errors="replace").strip().splitlines()[-3:]
            raise Unavailable(f"{name}: {error.message} {' / '.join(said)}") from error
        yield Running(process.pid, port)


def _mortal() -> list[str]:
    """Before a command: it ends with this process, however this one ends. Linux alone has that."""
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "TERM", "--"] if setpriv else []


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def _wait(process: subprocess.Popen[bytes], port: int) -> None:
    """Until it takes connections and answers; with whatever, to a path that does not exist."""
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise Unavailable(f"it ended at its start with code {process.returncode}.")
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1) as probe:
            probe.sendall(b"GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
            probe.settimeout(1)
            with contextlib.suppress(TimeoutError):
                probe.recv(1)
            return
        time.sleep(0.05)
    raise Unavailable(f"it is not ready after {_START_SECONDS:.0f} s.")


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
