"""HTTP of the phones, for a front desk that shows or prints the code of a room without a tablet."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from hub.devices.phones import Invitation, Phones
from hub.errors import NotFound, StayEnded
from hub.security.permissions import Permission
from hub.web.endpoint import Guarded, Spec
from hub.web.gate import Gate, path_id

if TYPE_CHECKING:
    from starlette.requests import Request

    from hub.db.database import Database
    from hub.db.scope import Scope
    from hub.security.principal import Principal


def routes(gate: Gate, phones: Phones, database: Database) -> list[Guarded]:
    async def invite(request: Request, principal: Principal) -> Invitation:
        stay_id = path_id(request, "stay_id")

        async def work(scope: Scope) -> Invitation:
            return await phones.to_stay(scope, stay_id, None)

        return await database.transaction(principal.tenant_id, principal.actor(), work, idempotent=True)

    return [
        Guarded(
            gate,
            Permission.STAY_MANAGE,
            "POST",
            "/api/v1/stays/{stay_id}/phone-code",
            invite,
            Spec(
                name="invitePhone",
                summary="A single-use code that makes a guest's phone a screen of the stay",
                tag="stays",
                result=Invitation,
                status=HTTPStatus.CREATED,
                errors=(NotFound, StayEnded),
            ),
        )
    ]
