"""HTTP of managers and their people."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from hub.errors import Conflict, LimitReached, NotFound
from hub.security.permissions import Permission
from hub.staff.documents import Done, NewPerson, People, Person, PersonChange, PersonReply
from hub.staff.people import Team
from hub.web.endpoint import Guarded, Spec
from hub.web.gate import path_id

if TYPE_CHECKING:
    from starlette.requests import Request

    from hub.security.principal import Principal
    from hub.staff.links import Links
    from hub.staff.office import Office
    from hub.web.gate import Gate

_PEOPLE: Final = "/api/v1/staff/people"
_PERSON: Final = f"{_PEOPLE}/{{staff_id}}"


def routes(gate: Gate, links: Links, office: Office) -> list[Guarded]:
    team = Team(office)

    async def people(_: Request, principal: Principal) -> People:
        return await team.list(principal)

    async def person(request: Request, principal: Principal) -> Person:
        return await team.get(principal, path_id(request, "staff_id"))

    async def invite(request: Request, principal: Principal) -> PersonReply:
        return await team.invite(principal, await gate.read(request, NewPerson), await links.base(request))

    async def change(request: Request, principal: Principal) -> PersonReply:
        staff_id = path_id(request, "staff_id")
        asked = await gate.read(request, PersonChange)
        return await team.change(principal, staff_id, asked, await links.base(request))

    async def remove(request: Request, principal: Principal) -> Done:
        await team.remove(principal, path_id(request, "staff_id"))
        return Done()

    manage = Permission.STAFF_MANAGE
    return [
        Guarded(
            gate,
            manage,
            "GET",
            _PEOPLE,
            people,
            Spec(name="listPeople", summary="Everybody of the hotel", tag="people", result=People),
        ),
        Guarded(
            gate,
            manage,
            "POST",
            _PEOPLE,
            invite,
            Spec(
                name="invitePerson",
                summary="A new person, who gets a letter to choose a password",
                tag="people",
                body=NewPerson,
                result=PersonReply,
                status=HTTPStatus.CREATED,
                errors=(Conflict, LimitReached),
            ),
        ),
        Guarded(
            gate,
            manage,
            "GET",
            _PERSON,
            person,
            Spec(name="readPerson", summary="One person", tag="people", result=Person, errors=(NotFound,)),
        ),
        Guarded(
            gate,
            manage,
            "PATCH",
            _PERSON,
            change,
            Spec(
                name="changePerson",
                summary="Role, permissions, address; dismiss, take back, take the second factor away",
                tag="people",
                body=PersonChange,
                result=PersonReply,
                errors=(NotFound, Conflict, LimitReached),
            ),
        ),
        Guarded(
            gate,
            manage,
            "DELETE",
            _PERSON,
            remove,
            Spec(
                name="removePerson",
                summary="A person who has left for good",
                tag="people",
                result=Done,
                errors=(NotFound, Conflict),
            ),
        ),
    ]
