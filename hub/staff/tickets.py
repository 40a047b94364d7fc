"""Secrets of a person: refresh tokens, and the codes that go out by mail."""

from __future__ import annotations

from uuid import UUID

from msgspec import Struct

from hub.errors import Unauthorized
from hub.security.credentials import digest, new_secret

_LONGEST = 200


class Ticket(Struct, frozen=True):
    """`<tenant>.<secret>` to whoever holds it: the tenant in it saves a look-up across tenants. Only the hash
    of the secret is stored."""

    tenant_id: UUID
    secret: str

    def __repr__(self) -> str:
        return f"Ticket(tenant_id={self.tenant_id!s})"

    @classmethod
    def new(cls, tenant_id: UUID) -> Ticket:
        return cls(tenant_id, new_secret())

    @classmethod
    def parse(cls, text: str, *, field: str) -> Ticket:
        """Raises Unauthorized when `text` cannot be one; `field` is where it stood."""
        try:
            if len(text) > _LONGEST or not text.isascii():
                raise ValueError
            tenant, secret = text.split(".")
            return cls(UUID(hex=tenant), secret)
        except ValueError:
            raise no_good(field) from None

    @property
    def hash(self) -> bytes:
        return digest(self.secret)

    def encode(self) -> str:
        return f"{self.tenant_id.hex}.{self.secret}"


def no_good(field: str) -> Unauthorized:
    """The one refusal of a ticket, whatever is wrong with it."""
    if field == "refresh_token":
        return Unauthorized("This sign-in is over.", field=field)
    return Unauthorized("This link is over, or it was used before.", field=field)
