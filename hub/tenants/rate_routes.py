"""HTTP of the tax rates, for managers."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from hub.errors import Conflict, NotFound
from hub.security.permissions import Permission
from hub.tenants import rates
from hub.tenants.rates import NewTaxRate, TaxRateReply, TaxRates
from hub.web.endpoint import Guarded, Spec
from hub.web.gate import Gate, path_id

if TYPE_CHECKING:
    from starlette.requests import Request

    from hub.db.database import Database
    from hub.security.principal import Principal

_ALL: Final = "/api/v1/hotel/tax-rates"


def routes(gate: Gate, database: Database) -> list[Guarded]:
    async def every(_: Request, principal: Principal) -> TaxRates:
        async with database.read(principal.tenant_id, principal.actor()) as scope:
            return await rates.read(scope)

    async def add(request: Request, principal: Principal) -> TaxRateReply:
        new = await gate.read(request, NewTaxRate)
        return TaxRateReply(
            await database.transaction(
                principal.tenant_id,
                principal.actor(),
                lambda scope: rates.add(scope, new),
                idempotent=False,
            )
        )

    async def remove(request: Request, principal: Principal) -> TaxRateReply:
        rate_id = path_id(request, "tax_rate_id")
        return TaxRateReply(
            await database.transaction(
                principal.tenant_id,
                principal.actor(),
                lambda scope: rates.remove(scope, rate_id),
                idempotent=False,
            )
        )

    manage = Permission.TAX_MANAGE
    return [
        Guarded(
            gate,
            manage,
            "GET",
            _ALL,
            every,
            Spec(
                name="listTaxRates",
                summary="The tax rates that hold, have held, and are to come",
                tag="hotel",
                result=TaxRates,
            ),
        ),
        Guarded(
            gate,
            manage,
            "POST",
            _ALL,
            add,
            Spec(
                name="addTaxRate",
                summary="A rate from tomorrow or later; from any day, where none holds for this yet",
                tag="hotel",
                body=NewTaxRate,
                result=TaxRateReply,
                status=HTTPStatus.CREATED,
                errors=(Conflict,),
            ),
        ),
        Guarded(
            gate,
            manage,
            "DELETE",
            f"{_ALL}/{{tax_rate_id}}",
            remove,
            Spec(
                name="removeTaxRate",
                summary="Take back a rate that has not begun to hold",
                tag="hotel",
                result=TaxRateReply,
                errors=(NotFound, Conflict),
            ),
        ),
    ]
