"""Marks on messages that travel through Redis. Whoever can write into Redis and does not have the master key
could else show an order on a kitchen's screen that nobody has placed."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from hmac import compare_digest
from typing import Final

_BYTES: Final = 16


class Marks:
    """`keys` are secrets of up to 64 bytes: the first one marks, every one is accepted, so that processes of
    one fleet understand each other while a key is changed."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        self._keys = tuple(keys)

    def put(self, channel: str, message: bytes) -> bytes:
        """The message under a mark that is good on this channel alone."""
        return _mark(self._keys[0], channel, message) + message

    def take(self, channel: str, marked: bytes) -> bytes | None:
        """The message, or None when nobody with a key has sent it on this channel."""
        mark, message = marked[:_BYTES], marked[_BYTES:]
        if any(compare_digest(mark, _mark(key, channel, message)) for key in self._keys):
            return message
        return None


def _mark(key: bytes, channel: str, message: bytes) -> bytes:
    name = channel.encode()
    return blake2b(len(name).to_bytes(4, "big") + name + message, key=key, digest_size=_BYTES).digest()
