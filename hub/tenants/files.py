"""Pictures of a hotel. Anybody may look at one, so what is kept is a picture and nothing else: its type is
read from its first bytes, whatever the sender calls it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from uuid import UUID

from msgspec import Struct

from hub.db.ids import uuid7
from hub.db.queries import load
from hub.db.scope import Actor
from hub.errors import NotFound, UnsupportedMediaType

if TYPE_CHECKING:
    from hub.db.database import Database
    from hub.db.scope import Scope
    from hub.security.principal import Principal

_queries = load("files")
INSERT_FILE: Final = _queries["insert_file"]
FILE: Final = _queries["file"]
DELETE_FILE: Final = _queries["delete_file"]

MEDIA_TYPES: Final = ("image/avif", "image/jpeg", "image/png", "image/webp")
MOST_BYTES: Final = 4 * 2**20
NAME_LENGTH: Final = 200
_PNG: Final = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"
_JPEG: Final = b"\xff\xd8\xff"
# The kinds of file that a box `ftyp` may name: a picture, or several of them.
_AVIF: Final = (b"avif", b"avis")


class Kept(Struct, frozen=True):
    """`url` is where anybody finds the picture, relative to the hub's own address."""

    id: UUID
    media_type: str
    bytes: int
    url: str


class Deleted(Struct, frozen=True):
    id: UUID


def sniff(content: bytes) -> str | None:
    """The media type that the first bytes show; None for no picture of ours."""
    if content.startswith(_PNG):
        return "image/png"
    if content.startswith(_JPEG):
        return "image/jpeg"
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "image/webp"
    if content[4:8] == b"ftyp":
        end = min(int.from_bytes(content[:4], "big"), 256)
        brands = [content[8:12], *(content[at : at + 4] for at in range(16, end, 4))]
        if any(brand in _AVIF for brand in brands):
            return "image/avif"
    return None


async def keep(database: Database, principal: Principal, name: str, content: bytes) -> Kept:
    """Keep a picture. Raises UnsupportedMediaType, LimitReached."""
    media_type = sniff(content)
    if media_type is None:
        raise UnsupportedMediaType("This is no picture: send PNG, JPEG, WebP or AVIF.")
    file_id = uuid7()

    async def work(scope: Scope) -> None:
        await scope.execute(INSERT_FILE, scope.tenant_id, file_id, name, media_type, content)

    await database.transaction(principal.tenant_id, principal.actor(), work, idempotent=True)
    return Kept(file_id, media_type, len(content), f"/api/v1/files/{principal.tenant_id}/{file_id}")


async def look(database: Database, tenant_id: UUID, file_id: UUID) -> tuple[str, bytes]:
    """Media type and content of a picture, for anybody. Raises NotFound."""
    actor = Actor(user_id=None, role="public", request_id=uuid7())

    async def work(scope: Scope) -> tuple[str, bytes]:
        row = await scope.fetchrow(FILE, tenant_id, file_id)
        if row is None:
            raise _missing()
        return row["media_type"], row["content"]

    return await database.look(tenant_id, actor, work)


async def delete(database: Database, principal: Principal, file_id: UUID) -> Deleted:
    """Raises NotFound."""

    async def work(scope: Scope) -> int:
        return await scope.execute(DELETE_FILE, scope.tenant_id, file_id)

    if not await database.transaction(principal.tenant_id, principal.actor(), work, idempotent=True):
        raise _missing()
    return Deleted(file_id)


def _missing() -> NotFound:
    return NotFound("There is no such file.", field="file_id")
