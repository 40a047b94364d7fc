"""Sealed data: AES-256-GCM texts that open only with their key and only in the place they were written for.

Two layers. A hotel's data key seals its personal data; a master key of the settings wraps the data keys, so
that a new master key means wrapping a few keys again and not every guest. Each text names its key, so that a
change of keys needs no flag day. What it is about (see `about`) is bound in: a text copied into another row,
column or hotel does not open.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
from typing import Final
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from msgspec import Struct

from hub.errors import SealBroken
from hub.settings import MasterKey

_SECRET_BYTES: Final = 32
_NONCE_BYTES: Final = 12
_WRAPPED: Final = "m1"
_SEALED: Final = "v1"


class MasterKeys:
    """The keys that wrap data keys: the first wraps, every key unwraps. `keys` must not be empty."""

    def __init__(self, keys: tuple[MasterKey, ...]) -> None:
        self._first = keys[0]
        self._keys = {key.kid: key for key in keys}

    @property
    def current(self) -> str:
        """The kid that `wrap` uses; what is wrapped with another one is due for wrapping again."""
        return self._first.kid

    def wrap(self, secret: bytes, about: str) -> str:
        """`m1:<kid>:<base64url of nonce and ciphertext>`, which opens only with the same `about`."""
        return f"{_WRAPPED}:{self._first.kid}:{_encrypt(self._first.secret, secret, about)}"

    def unwrap(self, text: str, about: str) -> bytes:
        """The secret that was wrapped. Raises SealBroken."""
        kid, body = _parts(_WRAPPED, text)
        key = self._keys.get(kid)
        if key is None:
            raise SealBroken(f"no master key is called {kid[:64]!r}; add it to HUB_MASTER_KEYS.")
        return _decrypt(key.secret, body, about)


class DataKey(Struct, frozen=True):
    """A hotel's key for its personal data; `secret` has 32 bytes."""

    id: UUID
    secret: bytes

    def __post_init__(self) -> None:
        if len(self.secret) != _SECRET_BYTES:  # AES would take 16 as well, and be a weaker one
            raise ValueError("a data key has 32 bytes")

    def __repr__(self) -> str:
        return f"DataKey(id={self.id!s})"

    def seal(self, text: str, about: str) -> str:
        """`v1:<key id in hex>:<base64url of nonce and ciphertext>`; another one each time."""
        return f"{_SEALED}:{self.id.hex}:{_encrypt(self.secret, text.encode(), about)}"

    def open(self, sealed: str, about: str) -> str:
        """The text that was sealed. Raises SealBroken, also for a text of another key."""
        name, body = _parts(_SEALED, sealed)
        if name != self.id.hex:
            raise SealBroken("this text was sealed with another key.")
        return _decrypt(self.secret, body, about).decode()


def derived(key: MasterKey, purpose: str) -> bytes:
    """32 bytes that belong to a master key and one purpose (HKDF-SHA256), and tell nothing about the key."""
    return HKDF(SHA256(), _SECRET_BYTES, salt=None, info=purpose.encode()).derive(key.secret)


def new_data_key_secret() -> bytes:
    return os.urandom(_SECRET_BYTES)


def about(tenant_id: UUID, table: str, column: str, row_id: UUID) -> str:
    """The place a sealed text belongs to: `tenant|table|column|row`."""
    return f"{tenant_id}|{table}|{column}|{row_id}"


def kid_of(text: str) -> str:
    """The master key that a data key was wrapped with. Raises SealBroken when `text` is no wrapped key."""
    return _parts(_WRAPPED, text)[0]


def key_id(sealed: str) -> UUID:
    """The data key that a text was sealed with. Raises SealBroken when it is no sealed text."""
    name, _ = _parts(_SEALED, sealed)
    try:
        return UUID(hex=name)
    except ValueError:
        raise SealBroken("this is not a sealed text.") from None


def blind_index(secret: bytes, label: str, text: str) -> bytes:
    """32 bytes by which an equal `text` is found again without opening anything: HMAC-SHA256.

    `label` keeps columns apart: the same e-mail address in two of them has two indexes.
    """
    name = label.encode()
    # With the label's length in front, ("ab", "c") and ("a", "bc") are different messages.
    return hmac.digest(secret, len(name).to_bytes(4, "big") + name + text.encode(), hashlib.sha256)


def _encrypt(secret: bytes, plain: bytes, about: str) -> str:
    # A random nonce may meet itself after some 2**32 texts of one key: far more than a hotel ever stores.
    nonce = os.urandom(_NONCE_BYTES)
    return _encode(nonce + AESGCM(secret).encrypt(nonce, plain, about.encode()))


def _decrypt(secret: bytes, body: str, about: str) -> bytes:
    try:
        data = base64.urlsafe_b64decode(body + "=" * (-len(body) % 4))
        # Base64 has several spellings of the same bytes; only ours counts, so that every change is noticed.
        if _encode(data) != body:
            raise InvalidTag
        return AESGCM(secret).decrypt(data[:_NONCE_BYTES], data[_NONCE_BYTES:], about.encode())
    except (binascii.Error, InvalidTag, ValueError):
        raise SealBroken("a sealed text was changed, or belongs to another place or key.") from None


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _parts(version: str, text: str) -> tuple[str, str]:
    parts = text.split(":")
    if len(parts) != 3 or parts[0] != version:
        raise SealBroken("this is not a sealed text.")
    return parts[1], parts[2]
