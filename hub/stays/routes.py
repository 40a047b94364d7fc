"""HTTP of the stays. A phone number travels in a body, never in an address, which proxies write down."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
from msgspec import Meta, Raw, Struct, structs

from hub.errors import Conflict, NotFound, OrdersOpen, RoomOccupied, StayEnded, WipePending
from hub.security.permissions import Permission
from hub.security.words import phone_number, room_number
from hub.stays import store
from hub.stays.allergens import AllergenCodes, DeclareArgs
from hub.stays.model import (
    MOST_STAYS,
    PHONE_LENGTH,
    CheckedIn,
    CheckedOut,
    CheckInArgs,
    CheckOutArgs,
    MoveArgs,
    Moved,
    OneDeclaration,
    OneStay,
    Room,
    Stays,
)
from hub.web.cursor import TextCursor, read_text_cursor, text_cursor
from hub.web.endpoint import Guarded, Spec
from hub.web.gate import Gate, operation_id, path_id, query

if TYPE_CHECKING:
    from starlette.requests import Request

    from hub.db.database import Database
    from hub.db.scope import Scope
    from hub.operations import Operations
    from hub.security.principal import Principal
    from hub.security.vault import Vault


class ListStays(Struct, frozen=True, forbid_unknown_fields=True):
    """Open stays by room; `after` is the `next` of the page before."""

    room: Room | None = None
    after: TextCursor | None = None
    limit: Annotated[int, Meta(ge=1, le=MOST_STAYS)] = MOST_STAYS


class FindStays(Struct, frozen=True, forbid_unknown_fields=True):
    """A phone number, however it is written."""

    phone: Annotated[str, Meta(min_length=3, max_length=PHONE_LENGTH)]

    def __repr__(self) -> str:
        return "FindStays()"


class Declare(Struct, frozen=True, forbid_unknown_fields=True):
    """Codes of the hotel's list of allergens, in place of those before."""

    allergens: AllergenCodes

    def __repr__(self) -> str:
        return "Declare()"


class MoveStay(Struct, frozen=True, forbid_unknown_fields=True):
    """`orders` "move" sends the orders under way to the new room too; without it there must be none."""

    room_number: Room
    orders: Literal["move"] | None = None
    override_wipe: bool = False


def routes(gate: Gate, operations: Operations, database: Database, vault: Vault) -> list[Guarded]:
    async def list_open(request: Request, principal: Principal) -> Stays:
        wanted = query(request, ListStays)
        after = "" if wanted.after is None else read_text_cursor(wanted.after)
        room = None if wanted.room is None else room_number(wanted.room, "room")
        async with database.read(principal.tenant_id, principal.actor()) as scope:
            # one more than asked for tells whether there is a next page
            found = await store.open_stays(scope, vault, after, room, wanted.limit + 1)
        page = found[: wanted.limit]
        return Stays(page, text_cursor(page[-1].room_number) if len(found) > wanted.limit else None)

    async def find(request: Request, principal: Principal) -> Stays:
        phone = phone_number((await gate.read(request, FindStays)).phone, "phone")

        async def work(scope: Scope) -> Stays:
            return Stays(await store.stays_of_phone(scope, vault, phone, MOST_STAYS), None)

        # a scope that writes, because the hotel's first search makes its keys
        return await database.transaction(principal.tenant_id, principal.actor(), work, idempotent=True)

    async def read(request: Request, principal: Principal) -> OneStay:
        stay_id = path_id(request, "stay_id")
        async with database.read(principal.tenant_id, principal.actor()) as scope:
            stay = await store.stay(scope, vault, stay_id)
        if stay is None:
            raise NotFound("There is no such stay.", field="stay_id")
        return OneStay(stay)

    async def check_in(request: Request, principal: Principal) -> Raw:
        op_id = operation_id(request)
        return await operations.call("stay.check_in", principal, op_id, await gate.body(request))

    async def check_out(request: Request, principal: Principal) -> Raw:
        op_id = operation_id(request)
        args = msgspec.json.encode(CheckOutArgs(path_id(request, "stay_id")))
        return await operations.call("stay.check_out", principal, op_id, args)

    async def move(request: Request, principal: Principal) -> Raw:
        op_id, stay_id = operation_id(request), path_id(request, "stay_id")
        wish = await gate.read(request, MoveStay)
        args = msgspec.json.encode(MoveArgs(stay_id=stay_id, **structs.asdict(wish)))
        return await operations.call("stay.move", principal, op_id, args)

    async def declare(request: Request, principal: Principal) -> Raw:
        stay_id = path_id(request, "stay_id")
        said = await gate.read(request, Declare)
        args = msgspec.json.encode(DeclareArgs(said.allergens, stay_id))
        return await operations.call("stay.declare", principal, None, args)

    return [
        Guarded(
            gate,
            Permission.STAY_READ,
            "GET",
            "/api/v1/stays",
            list_open,
            Spec(name="listStays", summary="Open stays, by room", tag="stays", query=ListStays, result=Stays),
        ),
        Guarded(
            gate,
            Permission.STAY_READ,
            "POST",
            "/api/v1/stays/search",
            find,
            Spec(
                name="findStays",
                summary="The latest stays of a phone number, open or ended",
                tag="stays",
                body=FindStays,
                result=Stays,
            ),
        ),
        Guarded(
            gate,
            Permission.STAY_MANAGE,
            "POST",
            "/api/v1/stays",
            check_in,
            Spec(
                name="checkIn",
                summary="A guest moves in",
                tag="stays",
                body=CheckInArgs,
                result=CheckedIn,
                status=HTTPStatus.CREATED,
                errors=(RoomOccupied, WipePending),
                once=True,
            ),
        ),
        Guarded(
            gate,
            Permission.STAY_READ,
            "GET",
            "/api/v1/stays/{stay_id}",
            read,
            Spec(name="readStay", summary="One stay", tag="stays", result=OneStay, errors=(NotFound,)),
        ),
        Guarded(
            gate,
            Permission.STAY_MANAGE,
            "POST",
            "/api/v1/stays/{stay_id}/check-out",
            check_out,
            Spec(
                name="checkOut",
                summary="The guest leaves",
                tag="stays",
                result=CheckedOut,
                errors=(NotFound, StayEnded),
                once=True,
            ),
        ),
        Guarded(
            gate,
            Permission.STAY_MANAGE,
            "POST",
            "/api/v1/stays/{stay_id}/move",
            move,
            Spec(
                name="moveStay",
                summary="The guest takes another room",
                tag="stays",
                body=MoveStay,
                result=Moved,
                errors=(NotFound, Conflict, StayEnded, OrdersOpen, RoomOccupied, WipePending),
                once=True,
            ),
        ),
        Guarded(
            gate,
            Permission.ALLERGEN_DECLARE,
            "PUT",
            "/api/v1/stays/{stay_id}/allergens",
            declare,
            Spec(
                name="declareAllergens",
                summary="Say what the party of a stay must not eat",
                tag="stays",
                body=Declare,
                result=OneDeclaration,
                errors=(NotFound, StayEnded),
            ),
        ),
    ]
