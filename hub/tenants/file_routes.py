"""HTTP of the pictures."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Final

from msgspec import Meta, Struct
from starlette.responses import Response

from hub.errors import InvalidInput, LimitReached, NotFound
from hub.security.permissions import Permission
from hub.security.words import plain_text
from hub.tenants import files
from hub.tenants.files import MEDIA_TYPES, MOST_BYTES, NAME_LENGTH, Deleted, Kept
from hub.web.endpoint import Endpoint, Guarded, Spec
from hub.web.gate import Gate, octets, path_id, query

if TYPE_CHECKING:
    from starlette.requests import Request

    from hub.db.database import Database
    from hub.security.principal import Principal

# A picture never changes: another one has another address. Opened by itself it can do nothing. It may
# stand in the frame of a hotel's page, which has no origin of its own.
_HEADERS: Final = {
    "Cache-Control": "public, max-age=31536000, immutable",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Cross-Origin-Resource-Policy": "cross-origin",
    "X-Content-Type-Options": "nosniff",
}


class KeepFile(Struct, frozen=True, forbid_unknown_fields=True):
    """`name` is for people, as in `soup.jpg`."""

    name: Annotated[str, Meta(min_length=1, max_length=NAME_LENGTH)] = "picture"


def routes(gate: Gate, database: Database) -> list[Endpoint]:
    async def keep(request: Request, principal: Principal) -> Kept:
        name = plain_text(query(request, KeepFile).name, "name", NAME_LENGTH)
        content = await octets(request, MOST_BYTES)
        if not content:
            raise InvalidInput("The body is empty; send a picture.")
        return await files.keep(database, principal, name, content)

    async def look(request: Request) -> Response:
        hotel, file_id = path_id(request, "hotel_id"), path_id(request, "file_id")
        media_type, content = await files.look(database, hotel, file_id)
        return Response(content, headers=_HEADERS, media_type=media_type)

    async def delete(request: Request, principal: Principal) -> Deleted:
        return await files.delete(database, principal, path_id(request, "file_id"))

    return [
        Guarded(
            gate,
            Permission.FILE_MANAGE,
            "POST",
            "/api/v1/files",
            keep,
            Spec(
                name="keepFile",
                summary="Keep a picture of at most 4 MiB; its type is read from its bytes",
                tag="files",
                query=KeepFile,
                accepts=MEDIA_TYPES,
                result=Kept,
                status=HTTPStatus.CREATED,
                errors=(LimitReached,),
            ),
        ),
        Endpoint(
            "GET",
            "/api/v1/files/{hotel_id}/{file_id}",
            look,
            Spec(name="lookAtFile", summary="A picture", tag="files", gives=MEDIA_TYPES, errors=(NotFound,)),
        ),
        Guarded(
            gate,
            Permission.FILE_MANAGE,
            "DELETE",
            "/api/v1/files/{file_id}",
            delete,
            Spec(
                name="deleteFile",
                summary="Empty a picture and free its place",
                tag="files",
                result=Deleted,
                errors=(NotFound,),
            ),
        ),
    ]
