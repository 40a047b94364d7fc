"""Marks on messages that travel through Redis. Whoever can write into Redis and does not have the master key
could else show an order on a kitchen's screen that nobody has placed."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from hashlib import blake2b
from hmac import compare_digest
from typing import Final

_BYTES: Final = 16
# Channels whose beginning of a mark is kept, 400 bytes each.
_KEPT: Final = 8192


class Marks:
    """`keys` are secrets of up to 64 bytes: the first one marks, every one is accepted, so that processes of
    one fleet understand each other while a key is changed."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        def begin(channel: str) -> tuple[blake2b, ...]:
            name = channel.encode()
            begun = len(name).to_bytes(4, "big") + name
            return tuple(blake2b(begun, key=key, digest_size=_BYTES) for key in keys)

        self._begun = lru_cache(_KEPT)(begin)

    def put(self, channel: str, message: bytes) -> bytes:
        """The message under a mark that is good on this channel alone."""
        mark = self._begun(channel)[0].copy()
        mark.update(message)
        return mark.digest() + message

    def take(self, channel: str, marked: bytes) -> bytes | None:
        """The message, or None when nobody with a key has sent it on this channel."""
        given, message = marked[:_BYTES], marked[_BYTES:]
        for begun in self._begun(channel):
            mark = begun.copy()
            mark.update(message)
            if compare_digest(given, mark.digest()):
                return message
        return None
