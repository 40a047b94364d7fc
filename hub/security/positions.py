"""Positions of the database's journal as clients carry them from answer to request: sealed, because how fast
the journal grows tells how busy all hotels are."""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Sequence
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from msgspec import UNSET, UnsetType

from hub.db.position import UNKNOWN, trail

_NONCE_BYTES: Final = 12
_BYTES: Final = 8
_LONGEST: Final = 64


class Positions:
    """`keys` are secrets of 32 bytes: the first one seals, every one opens."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        self._ciphers = [AESGCM(key) for key in keys]

    def seal(self, position: int) -> str:
        """48 characters, others each time."""
        nonce = os.urandom(_NONCE_BYTES)
        sealed = nonce + self._ciphers[0].encrypt(nonce, position.to_bytes(_BYTES, "big"), None)
        return base64.urlsafe_b64encode(sealed).decode()

    def reached(self) -> str | UnsetType:
        """The position of the last commit of this request; unset when there is none, or nobody to tell."""
        mine = trail.get()
        return UNSET if mine is None or mine.reached is None else self.seal(mine.reached)

    def open(self, text: str) -> int:
        """The position; of a text that is none, one that only the primary has reached."""
        try:
            sealed = base64.b64decode(text[:_LONGEST], b"-_", validate=True)
        except (binascii.Error, ValueError):
            return UNKNOWN
        for cipher in self._ciphers:
            try:
                plain = cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], None)
            except (InvalidTag, ValueError):
                continue
            return int.from_bytes(plain, "big")
        return UNKNOWN
