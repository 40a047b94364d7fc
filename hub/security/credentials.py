"""Random secrets: made here, shown once, stored only as a SHA-256 hash.

A plain hash is enough: a secret has 256 random bits, so there is nothing to guess that a slow hash protects.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from uuid import UUID

from msgspec import Struct

from hub.errors import Unauthorized

_LONGEST = 200


class Credential(Struct, frozen=True):
    """What a device keeps to get tokens; a string to the device, `<tenant>.<device>.<secret>` to the hub."""

    tenant_id: UUID
    device_id: UUID
    secret: str

    def __repr__(self) -> str:
        return f"Credential(tenant_id={self.tenant_id!s}, device_id={self.device_id!s})"

    def encode(self) -> str:
        return f"{self.tenant_id.hex}.{self.device_id.hex}.{self.secret}"

    @classmethod
    def parse(cls, text: str) -> Credential:
        """Raises Unauthorized when `text` cannot be a credential."""
        try:
            if len(text) > _LONGEST or not text.isascii():
                raise ValueError
            tenant, device, secret = text.split(".")
            return cls(UUID(hex=tenant), UUID(hex=device), secret)
        except ValueError:
            raise Unauthorized("This credential is not valid.", field="credential") from None


def new_secret() -> str:
    """256 random bits as 43 characters that need no escaping in a URL."""
    return secrets.token_urlsafe(32)


def digest(secret: str) -> bytes:
    """The 32 bytes that are stored; any text has one, also what only an attacker sends."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


def matches(secret: str, stored: bytes | None) -> bool:
    """Compare in a time that says nothing about `stored`; nothing matches None."""
    return hmac.compare_digest(digest(secret), stored or b"")
