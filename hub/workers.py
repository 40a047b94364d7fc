"""Several processes on one port: how one is started, and who watches over them.

The supervisor hands its socket to every worker; the kernel gives each connection to one of them. It owns the
signals, replaces a worker that dies, and stops when told to.
"""

from __future__ import annotations

import functools
import logging
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from hub.meters import Desk
from hub.telemetry.board import Board
from hub.web.listener import bind_metrics

if TYPE_CHECKING:
    from hub.settings import Settings

# A worker that lives no longer than this did not come up; trying at once again would only make noise.
_SHORT_LIFE_SECONDS: Final = 5.0
_RESTART_SECONDS: Final = 1.0
# The exit status of a process that no new start will help.
WRONG_SETTING: Final = 2
_KILL_AFTER_SECONDS: Final = 10.0
# For a process that `spawn` starts: the numbers of the socket and of the parent's pipe, and what it is.
LISTENER: Final = "HUB_SPAWN_LISTENER"
PARENT: Final = "HUB_SPAWN_PARENT"
WORKER: Final = "HUB_SPAWN_WORKER"
FOLLOWS: Final = "HUB_SPAWN_FOLLOWS"
# For a worker, where there are metrics: the numbers of their socket and board, and which worker it is.
METRICS: Final = "HUB_SPAWN_METRICS"
_log = logging.getLogger(__name__)


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
    follows: bool = False,
    metrics: tuple[socket.socket, Desk] | None = None,
) -> subprocess.Popen[bytes]:
    """Start `serve` in a process of its own that ends with this one; as a `worker` it is one process for
    sure, with its share in the supervisor's `metrics`. One that `follows` is one process, too, and never
    leads."""
    inherited = [listener.fileno(), _lifeline()]
    names = {
        LISTENER: str(inherited[0]),
        PARENT: str(inherited[1]),
        WORKER: str(int(worker)),
        FOLLOWS: str(int(follows)),
    }
    if metrics is not None:
        numbers = (metrics[0].fileno(), metrics[1].board.descriptor)
        inherited += numbers
        names[METRICS] = " ".join(map(str, (*numbers, metrics[1].slot)))
    return subprocess.Popen([sys.executable, "-m", "hub.serve"], env={**environ, **names}, pass_fds=inherited)


class Supervisor:
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
            if worker.returncode == WRONG_SETTING:
                return WRONG_SETTING
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
