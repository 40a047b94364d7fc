"""HTTP of the hotels, for super-admins."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated

from msgspec import Meta, Struct

from hub.errors import Conflict, InvalidTransition, LimitReached, NotFound
from hub.security.permissions import Permission
from hub.tenants.model import (
    MOST_TENANTS,
    ChangeTenant,
    CreatedTenant,
    CreateTenant,
    End,
    OneTenant,
    Status,
    Suspend,
    Tenants,
)
from hub.web.cursor import TextCursor, read_text_cursor
from hub.web.endpoint import Guarded, GuardedRun, Method, Spec
from hub.web.gate import Gate, path_id, query

if TYPE_CHECKING:
    from starlette.requests import Request

    from hub.security.principal import Principal
    from hub.tenants.commands import Platform


class ListTenants(Struct, frozen=True, forbid_unknown_fields=True):
    """`after` is the `next` of the page before."""

    status: Status | None = None
    after: TextCursor | None = None
    limit: Annotated[int, Meta(ge=1, le=MOST_TENANTS)] = MOST_TENANTS


def routes(gate: Gate, platform: Platform) -> list[Guarded]:
    async def listed(request: Request, principal: Principal) -> Tenants:
        wanted = query(request, ListTenants)
        after = "" if wanted.after is None else read_text_cursor(wanted.after)
        return await platform.list(principal.actor(), after, wanted.status, wanted.limit)

    async def create(request: Request, principal: Principal) -> CreatedTenant:
        return await platform.create(principal.actor(), await gate.read(request, CreateTenant))

    async def read(request: Request, principal: Principal) -> OneTenant:
        return OneTenant(await platform.read(principal.actor(), path_id(request, "tenant_id")))

    async def change(request: Request, principal: Principal) -> OneTenant:
        tenant_id, wanted = path_id(request, "tenant_id"), await gate.read(request, ChangeTenant)
        return OneTenant(await platform.change(principal.actor(), tenant_id, wanted))

    async def suspend(request: Request, principal: Principal) -> OneTenant:
        tenant_id, wanted = path_id(request, "tenant_id"), await gate.read(request, Suspend)
        return OneTenant(await platform.suspend(principal.actor(), tenant_id, wanted.reason))

    async def resume(request: Request, principal: Principal) -> OneTenant:
        return OneTenant(await platform.resume(principal.actor(), path_id(request, "tenant_id")))

    async def end(request: Request, principal: Principal) -> OneTenant:
        tenant_id, wanted = path_id(request, "tenant_id"), await gate.read(request, End)
        return OneTenant(await platform.end(principal.actor(), tenant_id, wanted.confirm_slug))

    def route(method: Method, path: str, run: GuardedRun, spec: Spec) -> Guarded:
        return Guarded(gate, Permission.TENANT_MANAGE, method, f"/api/v1/tenants{path}", run, spec)

    return [
        route(
            "GET",
            "",
            listed,
            Spec(
                name="listTenants",
                summary="Hotels, by slug",
                tag="tenants",
                query=ListTenants,
                result=Tenants,
            ),
        ),
        route(
            "POST",
            "",
            create,
            Spec(
                name="createTenant",
                summary="A new hotel",
                tag="tenants",
                body=CreateTenant,
                result=CreatedTenant,
                status=HTTPStatus.CREATED,
                errors=(Conflict, LimitReached),
            ),
        ),
        route(
            "GET",
            "/{tenant_id}",
            read,
            Spec(name="readTenant", summary="One hotel", tag="tenants", result=OneTenant, errors=(NotFound,)),
        ),
        route(
            "PATCH",
            "/{tenant_id}",
            change,
            Spec(
                name="changeTenant",
                summary="Change a hotel's terms",
                tag="tenants",
                body=ChangeTenant,
                result=OneTenant,
                errors=(NotFound, Conflict),
            ),
        ),
        route(
            "POST",
            "/{tenant_id}/suspend",
            suspend,
            Spec(
                name="suspendTenant",
                summary="Close a hotel for a while, with the reason on its screens",
                tag="tenants",
                body=Suspend,
                result=OneTenant,
                errors=(NotFound, InvalidTransition),
            ),
        ),
        route(
            "POST",
            "/{tenant_id}/resume",
            resume,
            Spec(
                name="resumeTenant",
                summary="Open a suspended hotel again",
                tag="tenants",
                result=OneTenant,
                errors=(NotFound, InvalidTransition),
            ),
        ),
        route(
            "POST",
            "/{tenant_id}/end",
            end,
            Spec(
                name="endTenant",
                summary="Close a hotel for good; its data stay",
                tag="tenants",
                body=End,
                result=OneTenant,
                errors=(NotFound, InvalidTransition),
            ),
        ),
    ]
