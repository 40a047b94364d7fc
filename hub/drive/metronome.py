"""Wakes an event loop at exact moments: the timers of uvloop and asyncio are late by up to a millisecond,
which would be added to every latency."""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
import time
from collections.abc import Callable, Sequence


class Metronome:
    """Calls `tick` in the running loop at each of the moments (`time.monotonic`, ascending)."""

    def __init__(self, moments: Sequence[float], tick: Callable[[], None]) -> None:
        self._moments = moments
        self._tick = tick
        self._loop = asyncio.get_running_loop()
        self._reading, self._writing = os.pipe()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="metronome", daemon=True)

    def __enter__(self) -> Metronome:
        os.set_blocking(self._reading, False)
        os.set_blocking(self._writing, False)
        self._loop.add_reader(self._reading, self._woken)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._loop.remove_reader(self._reading)
        self._thread.join()
        os.close(self._reading)
        os.close(self._writing)

    def _run(self) -> None:
        for moment in self._moments:
            wait = moment - time.monotonic()
            # sleep() is precise to some 60 us, Event.wait() is not; a second is how long an end may wait
            while wait > 0 and not self._ended.is_set():
                time.sleep(min(wait, 1.0))
                wait = moment - time.monotonic()
            if self._ended.is_set():
                return
            with contextlib.suppress(BlockingIOError):  # a full pipe wakes the loop too
                os.write(self._writing, b"\0")

    def _woken(self) -> None:
        os.read(self._reading, 65_536)
        self._tick()
