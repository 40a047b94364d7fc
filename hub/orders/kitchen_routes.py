"""HTTP of what a kitchen says of orders: the same operations as over the socket."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from msgspec import Raw, Struct, structs

from hub.errors import AllergyNotAcknowledged, InvalidTransition, NotFound, VersionMismatch
from hub.orders.documents import ChangedOrder, RecentOrders
from hub.orders.messages import (
    AcceptArgs,
    AcknowledgeAllergyArgs,
    AcknowledgeArgs,
    AdvanceItemArgs,
    LineNumber,
    LineNumbers,
    RecallArgs,
    RushArgs,
    SeenArgs,
    SeenReply,
    Stations,
    Version,
)
from hub.orders.transitions import ItemTarget
from hub.security.permissions import Permission
from hub.web.endpoint import Guarded, Spec
from hub.web.gate import Gate, in_path, operation_id, path_id

if TYPE_CHECKING:
    from starlette.requests import Request

    from hub.operations import Operations
    from hub.security.principal import Principal


class RushOrder(Struct, frozen=True, forbid_unknown_fields=True):
    """Whether the order goes before others."""

    rush: bool


class NoteOrder(Struct, frozen=True, forbid_unknown_fields=True):
    """The stations whose cooks speak; without them everybody."""

    stations: Stations | None = None


class ItemPlace(Struct, frozen=True):
    """Which line of the order."""

    line: LineNumber


class AdvanceItem(Struct, frozen=True, forbid_unknown_fields=True):
    """One step of one line; `now` begins a scheduled order before its time."""

    to: ItemTarget
    expected_version: Version | None = None
    now: bool = False


class RecallOrder(Struct, frozen=True, forbid_unknown_fields=True):
    """`items` are lines; `undo` takes the last bump back instead."""

    items: LineNumbers | None = None
    undo: bool = False
    expected_version: Version | None = None


def routes(gate: Gate, operations: Operations) -> list[Guarded]:
    async def recent(_: Request, principal: Principal) -> Raw:
        return await operations.call("order.recent", principal, None, b"{}")

    async def accept(request: Request, principal: Principal) -> Raw:
        op_id, order_id = operation_id(request), path_id(request, "order_id")
        args = msgspec.json.encode(AcceptArgs(order_id))
        return await operations.call("order.accept", principal, op_id, args)

    async def rush(request: Request, principal: Principal) -> Raw:
        op_id, order_id = operation_id(request), path_id(request, "order_id")
        wish = await gate.read(request, RushOrder)
        args = msgspec.json.encode(RushArgs(order_id, wish.rush))
        return await operations.call("order.rush", principal, op_id, args)

    async def acknowledge_allergy(request: Request, principal: Principal) -> Raw:
        op_id, order_id = operation_id(request), path_id(request, "order_id")
        noted = await gate.read(request, NoteOrder)
        args = msgspec.json.encode(AcknowledgeAllergyArgs(order_id, noted.stations))
        return await operations.call("order.acknowledge_allergy", principal, op_id, args)

    async def acknowledge(request: Request, principal: Principal) -> Raw:
        op_id, order_id = operation_id(request), path_id(request, "order_id")
        noted = await gate.read(request, NoteOrder)
        args = msgspec.json.encode(AcknowledgeArgs(order_id, noted.stations))
        return await operations.call("order.acknowledge", principal, op_id, args)

    async def advance_item(request: Request, principal: Principal) -> Raw:
        op_id, order_id = operation_id(request), path_id(request, "order_id")
        line = in_path(request, ItemPlace).line
        step = await gate.read(request, AdvanceItem)
        args = msgspec.json.encode(AdvanceItemArgs(order_id, line, **structs.asdict(step)))
        return await operations.call("item.advance", principal, op_id, args)

    async def recall(request: Request, principal: Principal) -> Raw:
        op_id, order_id = operation_id(request), path_id(request, "order_id")
        wish = await gate.read(request, RecallOrder)
        args = msgspec.json.encode(RecallArgs(order_id, **structs.asdict(wish)))
        return await operations.call("order.recall", principal, op_id, args)

    async def seen(request: Request, principal: Principal) -> Raw:
        return await operations.call("order.seen", principal, None, await gate.body(request))

    return [
        Guarded(
            gate,
            Permission.ORDER_DELIVER,
            "GET",
            "/api/v1/orders/recent",
            recent,
            Spec(
                name="listRecentOrders",
                summary="What was finished or became ready as long as it may be recalled, newest first",
                tag="orders",
                result=RecentOrders,
            ),
        ),
        Guarded(
            gate,
            Permission.ORDER_DELIVER,
            "POST",
            "/api/v1/orders/{order_id}/accept",
            accept,
            Spec(
                name="acceptOrder",
                summary="Take note of an order without beginning it",
                tag="orders",
                result=ChangedOrder,
                errors=(NotFound, InvalidTransition),
                once=True,
            ),
        ),
        Guarded(
            gate,
            Permission.ORDER_RUSH,
            "POST",
            "/api/v1/orders/{order_id}/rush",
            rush,
            Spec(
                name="rushOrder",
                summary="Let an order go before others, or not any more",
                tag="orders",
                body=RushOrder,
                result=ChangedOrder,
                errors=(NotFound, InvalidTransition),
                once=True,
            ),
        ),
        Guarded(
            gate,
            Permission.ORDER_COOK,
            "POST",
            "/api/v1/orders/{order_id}/acknowledge-allergy",
            acknowledge_allergy,
            Spec(
                name="acknowledgeAllergy",
                summary="Say for stations, or for all, that cooks know what the guest must not eat",
                tag="orders",
                body=NoteOrder,
                result=ChangedOrder,
                errors=(NotFound, InvalidTransition),
                once=True,
            ),
        ),
        Guarded(
            gate,
            Permission.ORDER_COOK,
            "POST",
            "/api/v1/orders/{order_id}/acknowledge",
            acknowledge,
            Spec(
                name="acknowledgeCancellation",
                summary="Say for stations, or for all, that cooks have seen what was cancelled",
                tag="orders",
                body=NoteOrder,
                result=ChangedOrder,
                errors=(NotFound, InvalidTransition),
                once=True,
            ),
        ),
        Guarded(
            gate,
            Permission.ORDER_COOK,
            "POST",
            "/api/v1/orders/{order_id}/items/{line}/advance",
            advance_item,
            Spec(
                name="advanceItem",
                summary="Move one line of an order one step on; the order follows",
                tag="orders",
                path=ItemPlace,
                body=AdvanceItem,
                result=ChangedOrder,
                errors=(NotFound, InvalidTransition, VersionMismatch, AllergyNotAcknowledged),
                once=True,
            ),
        ),
        Guarded(
            gate,
            Permission.ORDER_DELIVER,
            "POST",
            "/api/v1/orders/{order_id}/recall",
            recall,
            Spec(
                name="recallOrder",
                summary="Move an order or some of its lines a step back, or undo one's own last step",
                tag="orders",
                body=RecallOrder,
                result=ChangedOrder,
                errors=(NotFound, InvalidTransition, VersionMismatch),
                once=True,
            ),
        ),
        Guarded(
            gate,
            Permission.ORDER_COOK,
            "POST",
            "/api/v1/orders/seen",
            seen,
            Spec(
                name="markOrdersSeen",
                summary="Say that a kitchen screen shows these orders; unknown ids are passed over",
                tag="orders",
                body=SeenArgs,
                result=SeenReply,
            ),
        ),
    ]
