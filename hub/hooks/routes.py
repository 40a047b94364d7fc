"""HTTP of the addresses that a hotel wants told."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from hub.errors import Conflict, NotFound
from hub.hooks.model import (
    ChangeWebhook,
    Deleted,
    Deliveries,
    DeliveryReply,
    NewWebhook,
    NewWebhookReply,
    WebhookReply,
    Webhooks,
)
from hub.security.permissions import Permission
from hub.web.endpoint import Guarded, Spec
from hub.web.gate import Gate, path_id

if TYPE_CHECKING:
    from starlette.requests import Request

    from hub.hooks.desk import HookDesk
    from hub.security.principal import Principal

_ALL: Final = "/api/v1/webhooks"
_ONE: Final = f"{_ALL}/{{webhook_id}}"


def routes(gate: Gate, desk: HookDesk) -> list[Guarded]:
    async def every(_: Request, principal: Principal) -> Webhooks:
        return await desk.every(principal)

    async def add(request: Request, principal: Principal) -> NewWebhookReply:
        return NewWebhookReply(*await desk.add(principal, await gate.read(request, NewWebhook)))

    async def change(request: Request, principal: Principal) -> WebhookReply:
        webhook_id = path_id(request, "webhook_id")
        wish = await gate.read(request, ChangeWebhook)
        return WebhookReply(await desk.change(principal, webhook_id, wish))

    async def delete(request: Request, principal: Principal) -> Deleted:
        await desk.delete(principal, path_id(request, "webhook_id"))
        return Deleted()

    async def test(request: Request, principal: Principal) -> DeliveryReply:
        return DeliveryReply(await desk.test(principal, path_id(request, "webhook_id")))

    async def deliveries(request: Request, principal: Principal) -> Deliveries:
        return Deliveries(await desk.deliveries(principal, path_id(request, "webhook_id")))

    manage = Permission.WEBHOOK_MANAGE
    return [
        Guarded(
            gate,
            manage,
            "GET",
            _ALL,
            every,
            Spec(
                name="listWebhooks",
                summary="The addresses that are told of orders which nobody sees or accepts",
                tag="webhooks",
                result=Webhooks,
            ),
        ),
        Guarded(
            gate,
            manage,
            "POST",
            _ALL,
            add,
            Spec(
                name="addWebhook",
                summary="Tell one more address; its secret is shown this once",
                tag="webhooks",
                body=NewWebhook,
                result=NewWebhookReply,
                status=HTTPStatus.CREATED,
                errors=(Conflict,),
            ),
        ),
        Guarded(
            gate,
            manage,
            "PATCH",
            _ONE,
            change,
            Spec(
                name="changeWebhook",
                summary="Another address, other events, on or off",
                tag="webhooks",
                body=ChangeWebhook,
                result=WebhookReply,
                errors=(NotFound,),
            ),
        ),
        Guarded(
            gate,
            manage,
            "DELETE",
            _ONE,
            delete,
            Spec(
                name="deleteWebhook",
                summary="Tell an address nothing more",
                tag="webhooks",
                result=Deleted,
                errors=(NotFound,),
            ),
        ),
        Guarded(
            gate,
            manage,
            "POST",
            f"{_ONE}/test",
            test,
            Spec(
                name="testWebhook",
                summary="Send something to try an address; its deliveries tell what became of it",
                tag="webhooks",
                result=DeliveryReply,
                status=HTTPStatus.ACCEPTED,
                errors=(NotFound, Conflict),
            ),
        ),
        Guarded(
            gate,
            manage,
            "GET",
            f"{_ONE}/deliveries",
            deliveries,
            Spec(
                name="listDeliveries",
                summary="The latest deliveries to an address, newest first",
                tag="webhooks",
                result=Deliveries,
                errors=(NotFound,),
            ),
        ),
    ]
