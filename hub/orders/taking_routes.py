"""HTTP of what a guest asks before an order, and of the kitchen that takes none: the same operations as over
the socket."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hub.errors import ItemUnavailable, KitchenPaused, NotFound, OutOfStock, SlotFull
from hub.orders.messages import QuoteArgs, QuoteReply, SlotsArgs, SlotsReply
from hub.orders.pausing import PauseArgs, PauseReply
from hub.security.permissions import Permission
from hub.web.endpoint import Guarded, Spec
from hub.web.gate import Gate, operation_id

if TYPE_CHECKING:
    from msgspec import Raw
    from starlette.requests import Request

    from hub.operations import Operations
    from hub.security.principal import Principal


def routes(gate: Gate, operations: Operations) -> list[Guarded]:
    async def quote(request: Request, principal: Principal) -> Raw:
        return await operations.call("order.quote", principal, None, await gate.body(request))

    async def slots(request: Request, principal: Principal) -> Raw:
        return await operations.call("order.slots", principal, None, await gate.body(request))

    async def pause(request: Request, principal: Principal) -> Raw:
        op_id = operation_id(request)
        return await operations.call("kitchen.pause", principal, op_id, await gate.body(request))

    async def resume(request: Request, principal: Principal) -> Raw:
        return await operations.call("kitchen.resume", principal, operation_id(request), b"{}")

    return [
        Guarded(
            gate,
            Permission.ORDER_READ,
            "POST",
            "/api/v1/orders/quote",
            quote,
            Spec(
                name="quoteOrder",
                summary="What a cart costs now, and when it is there",
                tag="orders",
                body=QuoteArgs,
                result=QuoteReply,
                errors=(NotFound, ItemUnavailable, OutOfStock, KitchenPaused, SlotFull),
            ),
        ),
        Guarded(
            gate,
            Permission.ORDER_READ,
            "POST",
            "/api/v1/orders/slots",
            slots,
            Spec(
                name="listSlots",
                summary="The times of the next 24 hours for which a cart can be wished",
                tag="orders",
                body=SlotsArgs,
                result=SlotsReply,
                errors=(NotFound,),
            ),
        ),
        Guarded(
            gate,
            Permission.ORDER_COOK,
            "POST",
            "/api/v1/kitchen/pause",
            pause,
            Spec(
                name="pauseKitchen",
                summary="Take no orders for a while",
                tag="orders",
                body=PauseArgs,
                result=PauseReply,
                once=True,
            ),
        ),
        Guarded(
            gate,
            Permission.ORDER_COOK,
            "POST",
            "/api/v1/kitchen/resume",
            resume,
            Spec(
                name="resumeKitchen",
                summary="Take orders again",
                tag="orders",
                result=PauseReply,
                once=True,
            ),
        ),
    ]
