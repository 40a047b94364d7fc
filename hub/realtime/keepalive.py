"""Finds peers that are gone without a word: one timer asks all sockets of the process, each in its turn."""

from __future__ import annotations

import asyncio
import random
from typing import Final, Protocol

from hub.realtime.wheel import Wheel

# Sockets that are due within the same tick share a wake-up; no deadline here needs to be met better.
_TICK_SECONDS: Final = 0.5
_TICKS: Final = 4  # in the shorter of the two times, at least
# Spreads sockets that opened together.
_JITTER: Final = 0.1


class Asked(Protocol):
    """A socket that can be asked whether its peer is there."""

    @property
    def gone(self) -> bool: ...

    def ask(self) -> None:
        """Send a ping. From now on `silent` is true until anything comes."""

    @property
    def silent(self) -> bool: ...

    def give_up(self) -> None:
        """Nothing came in time."""


class Keepalive:
    """A ping every `ping_seconds`; a peer that has said nothing `pong_seconds` later is given up."""

    def __init__(self, ping_seconds: float, pong_seconds: float) -> None:
        self._ping = ping_seconds
        self._pong = pong_seconds
        self._tick = min(_TICK_SECONDS, ping_seconds / _TICKS, pong_seconds / _TICKS)
        self._rest = max(ping_seconds - pong_seconds, self._tick)
        loop = asyncio.get_running_loop()
        self._time = loop.time
        self._resting: Wheel[Asked] = Wheel(self._tick, loop.time())
        self._waiting: Wheel[Asked] = Wheel(self._tick, loop.time())

    def watch(self, socket: Asked) -> None:
        """From now on, until the socket is gone."""
        self._resting.put(socket, self._time() + self._ping * _jitter())

    async def run(self) -> None:
        """Serve until cancelled."""
        while True:
            await asyncio.sleep(self._tick)
            self._turn(self._time())

    def _turn(self, now: float) -> None:
        for socket in self._waiting.turn(now):
            if socket.gone:
                continue
            if socket.silent:
                socket.give_up()
            else:
                self._resting.put(socket, now + self._rest * _jitter())
        for socket in self._resting.turn(now):
            if not socket.gone:
                socket.ask()
                self._waiting.put(socket, now + self._pong)


def _jitter() -> float:
    return random.uniform(1 - _JITTER, 1 + _JITTER)
