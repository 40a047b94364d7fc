"""HTTP of the orders: the same operations as over the socket, and reading."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Literal, TypeVar
from uuid import UUID

import msgspec
from msgspec import Meta, Raw, Struct, structs

from hub.errors import (
    AgeNotAttested,
    AllergenConflict,
    AllergyNotAcknowledged,
    AlreadyPreparing,
    IdCheckRequired,
    InvalidTransition,
    ItemUnavailable,
    KitchenPaused,
    LaterThanQuoted,
    NotFound,
    OutOfStock,
    PriceChanged,
    SlotFull,
    StayEnded,
    VersionMismatch,
)
from hub.orders.documents import ChangedOrder, OneOrder, Orders
from hub.orders.messages import (
    AdvanceArgs,
    CancelArgs,
    LineNumbers,
    OrderPage,
    PlaceArgs,
    PlaceReply,
    Version,
)
from hub.orders.reading import MOST_ORDERS, read_active_orders, read_order
from hub.orders.transitions import OrderTarget
from hub.security.permissions import Permission
from hub.web.cursor import Cursor
from hub.web.endpoint import Guarded, Spec
from hub.web.gate import Gate, operation_id, path_id, query

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request

    from hub.db.database import Database
    from hub.db.scope import Scope
    from hub.operations import Operations
    from hub.security.principal import Principal

T = TypeVar("T")


class ListOrders(Struct, frozen=True, forbid_unknown_fields=True):
    """`after` is the `next` of the page before."""

    status: Literal["active"] = "active"
    after: Cursor | None = None
    limit: Annotated[int, Meta(ge=1, le=MOST_ORDERS)] = MOST_ORDERS


class AdvanceOrder(Struct, frozen=True, forbid_unknown_fields=True):
    """One step of the order, or of its lines `items`. `id_checked` confirms the guest's age when an
    age-restricted item is handed over, `now` begins a scheduled order before its time, `trip_id` is the trip
    that it leaves with."""

    to: OrderTarget
    items: LineNumbers | None = None
    expected_version: Version | None = None
    id_checked: bool = False
    now: bool = False
    trip_id: UUID | None = None


class CancelOrder(Struct, frozen=True, forbid_unknown_fields=True):
    """`items` are lines; without them the whole order is cancelled."""

    items: LineNumbers | None = None
    reason: Annotated[str, Meta(max_length=200)] | None = None
    expected_version: Version | None = None


def routes(gate: Gate, operations: Operations, database: Database) -> list[Guarded]:
    async def looked(principal: Principal, work: Callable[[Scope], Awaitable[T]]) -> T:
        if principal.kind not in ("tablet", "phone"):
            return await database.look(principal.tenant_id, principal.actor(), work)
        # Whether the guest still lives there must not be old: the next one may hold the tablet.
        async with database.read(principal.tenant_id, principal.actor()) as scope:
            return await work(scope)

    async def place(request: Request, principal: Principal) -> Raw:
        op_id = operation_id(request)
        return await operations.call("order.place", principal, op_id, await gate.body(request))

    async def read(request: Request, principal: Principal) -> PlaceReply:
        order_id = path_id(request, "order_id")

        async def work(scope: Scope) -> PlaceReply:
            return PlaceReply(order=await read_order(scope, principal, order_id))

        return await looked(principal, work)

    async def list_active(request: Request, principal: Principal) -> OrderPage:
        wanted = query(request, ListOrders)

        async def work(scope: Scope) -> OrderPage:
            return await read_active_orders(scope, principal, wanted.after, wanted.limit)

        return await looked(principal, work)

    async def advance(request: Request, principal: Principal) -> Raw:
        op_id, order_id = operation_id(request), path_id(request, "order_id")
        step = await gate.read(request, AdvanceOrder)
        args = msgspec.json.encode(AdvanceArgs(order_id=order_id, **structs.asdict(step)))
        return await operations.call("order.advance", principal, op_id, args)

    async def cancel(request: Request, principal: Principal) -> Raw:
        op_id, order_id = operation_id(request), path_id(request, "order_id")
        wish = await gate.read(request, CancelOrder)
        args = msgspec.json.encode(CancelArgs(order_id=order_id, **structs.asdict(wish)))
        return await operations.call("order.cancel", principal, op_id, args)

    return [
        Guarded(
            gate,
            Permission.ORDER_PLACE,
            "POST",
            "/api/v1/orders",
            place,
            Spec(
                name="placeOrder",
                summary="Place an order for the guest's room; staff name the room",
                tag="orders",
                body=PlaceArgs,
                result=OneOrder,
                status=HTTPStatus.CREATED,
                errors=(
                    NotFound,
                    PriceChanged,
                    LaterThanQuoted,
                    OutOfStock,
                    ItemUnavailable,
                    AgeNotAttested,
                    AllergenConflict,
                    KitchenPaused,
                    SlotFull,
                    StayEnded,
                ),
                once=True,
            ),
        ),
        Guarded(
            gate,
            Permission.ORDER_READ,
            "GET",
            "/api/v1/orders",
            list_active,
            Spec(
                name="listOrders",
                summary="Active orders, oldest first: of the room's stay, or a kitchen's whole hotel",
                tag="orders",
                query=ListOrders,
                result=Orders,
                errors=(StayEnded,),
            ),
        ),
        Guarded(
            gate,
            Permission.ORDER_READ,
            "GET",
            "/api/v1/orders/{order_id}",
            read,
            Spec(
                name="readOrder",
                summary="One order",
                tag="orders",
                result=OneOrder,
                errors=(NotFound, StayEnded),
            ),
        ),
        Guarded(
            gate,
            Permission.ORDER_DELIVER,
            "POST",
            "/api/v1/orders/{order_id}/advance",
            advance,
            Spec(
                name="advanceOrder",
                summary="Move an order one step on",
                tag="orders",
                body=AdvanceOrder,
                result=ChangedOrder,
                errors=(
                    NotFound,
                    InvalidTransition,
                    VersionMismatch,
                    IdCheckRequired,
                    AllergyNotAcknowledged,
                ),
                once=True,
            ),
        ),
        Guarded(
            gate,
            Permission.ORDER_CANCEL,
            "POST",
            "/api/v1/orders/{order_id}/cancel",
            cancel,
            Spec(
                name="cancelOrder",
                summary="Cancel an order, or some of its items",
                tag="orders",
                body=CancelOrder,
                result=ChangedOrder,
                errors=(NotFound, InvalidTransition, VersionMismatch, AlreadyPreparing, StayEnded),
                once=True,
            ),
        ),
    ]
