"""A board that the workers of one service share: each writes there, once a second, what it would say of
itself, and whoever is asked reads them all.

It is memory without a name, made by the supervisor and inherited: nothing lies in a directory, and nothing
is left behind. A worker that dies leaves what it wrote last; the one that takes its place counts on there.
"""

from __future__ import annotations

import mmap
import os
import tempfile
import time
import zlib
from struct import Struct as Layout
from typing import Final

import msgspec

from hub.telemetry.fold import Report
from hub.telemetry.metrics import Rows

# Untouched pages cost nothing; the largest report that the labels allow is a fifth of this.
PLACE_BYTES: Final = 1 << 20
_MARKS: Final = 4096  # one byte a worker: whether it is alive
_HEAD: Final = Layout("<QdII")  # number of the report, moment (monotonic clock), length, checksum
_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(dict[str, list[tuple[tuple[str, ...], list[float]]]])


class Board:
    """Each worker has two places and writes to them in turn. Who is killed while it writes leaves the other
    one whole; the checksum says which is. `descriptor` is what a worker inherits."""

    @classmethod
    def new(cls, workers: int) -> Board:
        """An empty board with a slot for each worker."""
        if hasattr(os, "memfd_create"):
            descriptor = os.memfd_create("hub-metrics")
        else:
            with tempfile.TemporaryFile() as file:
                descriptor = os.dup(file.fileno())
        os.truncate(descriptor, _MARKS + 2 * workers * PLACE_BYTES)
        return cls(descriptor)

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self._memory = mmap.mmap(descriptor, 0)
        self._slots = (len(self._memory) - _MARKS) // (2 * PLACE_BYTES)

    def write(self, slot: int, rows: Rows) -> None:
        """The worker of this slot is alive and says this. Raises ValueError when it does not fit."""
        content = _encoder.encode({name: list(samples.items()) for name, samples in rows.items()})
        if _HEAD.size + len(content) > PLACE_BYTES:
            raise ValueError(f"a report of {len(content)} bytes does not fit")
        newest = self._newest(slot)
        number = 1 if newest is None else newest[0] + 1
        at = self._place(slot, number % 2)
        self._memory[at + _HEAD.size : at + _HEAD.size + len(content)] = content
        _HEAD.pack_into(self._memory, at, number, time.monotonic(), len(content), _checksum(number, content))
        self._memory[slot] = 1

    def bury(self, slot: int) -> None:
        """The worker of this slot is dead."""
        self._memory[slot] = 0

    def read(self) -> list[tuple[Report, float]]:
        """What each worker said last, and how many seconds ago."""
        found = []
        for slot in range(self._slots):
            if (newest := self._newest(slot)) is not None:
                _, moment, content = newest
                rows = {name: dict(samples) for name, samples in _decoder.decode(content).items()}
                found.append((Report(slot, bool(self._memory[slot]), rows), time.monotonic() - moment))
        return found

    def _newest(self, slot: int) -> tuple[int, float, bytes] | None:
        places = [self._content(self._place(slot, number)) for number in (0, 1)]
        whole = [place for place in places if place is not None]
        return max(whole, key=lambda place: place[0], default=None)

    def _place(self, slot: int, number: int) -> int:
        return _MARKS + (2 * slot + number) * PLACE_BYTES

    def _content(self, at: int) -> tuple[int, float, bytes] | None:
        """Number, moment and content of a report that is whole."""
        number, moment, length, checksum = _HEAD.unpack_from(self._memory, at)
        if number == 0 or length > PLACE_BYTES - _HEAD.size:
            return None
        content = self._memory[at + _HEAD.size : at + _HEAD.size + length]
        return (number, moment, content) if _checksum(number, content) == checksum else None


def _checksum(number: int, content: bytes) -> int:
    return zlib.crc32(content, number % (1 << 32))
