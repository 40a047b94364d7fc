"""Who sent this request or opened this session: a device, inside one tenant."""

from __future__ import annotations

from typing import Literal
from uuid import UUID

from msgspec import Struct

from hub.db.ids import uuid7
from hub.db.scope import Actor

Kind = Literal["tablet", "kitchen"]


class Principal(Struct, frozen=True):
    """What a verified token says. `expires_at` is in Unix seconds; `stations` empty means every station."""

    tenant_id: UUID
    id: UUID
    kind: Kind
    room_number: str | None
    stay_id: UUID | None
    stations: tuple[str, ...]
    expires_at: float

    def actor(self, request_id: UUID | None = None) -> Actor:
        """Who the database's triggers see in a transaction of this principal."""
        return Actor(user_id=self.id, role=self.kind, request_id=request_id or uuid7())
