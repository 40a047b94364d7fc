"""The SQL of operations as the hub itself sends it: written down while the hub's own code runs once, and
sent again with other ids."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, cast
from uuid import UUID, uuid4

import msgspec
from msgspec import Struct

from hub.db.database import Database
from hub.db.ids import uuid7
from hub.drive.messages import confirmations, dishes
from hub.log.store import Log
from hub.menu.commands import read_menu
from hub.operations import Operations
from hub.orders.reading import read_active_orders, read_order
from hub.security.sealing import MasterKeys
from hub.security.vault import Vault
from hub.services import commands

if TYPE_CHECKING:
    from hub.db.pool import Pool, Pooled
    from hub.security.principal import Principal
    from hub.settings import Settings

_STEPS = ("cooking", "ready", "delivering", "delivered")
_UNCLAIMED = frozenset({"order.quote"})
_RECORDED = frozenset({"execute", "fetch", "fetchrow", "fetchval"})


class Statement(Struct, frozen=True):
    """One message to the server: the method of asyncpg, the text, and its arguments."""

    method: str
    text: str
    arguments: tuple[object, ...]


class Recording(Struct, frozen=True):
    """The statements of one operation, and the ids in them that another run must replace."""

    statements: list[Statement]
    op_id: UUID | None = None
    order_id: UUID | None = None

    def fresh(self, op_id: UUID, order_id: UUID | None) -> list[Statement]:
        """The same for another operation, about another order."""
        swaps = [(self.op_id, op_id), (self.order_id, order_id)]
        known = [(old, new) for old, new in swaps if old is not None and new is not None]
        return [
            Statement(
                one.method,
                # a BEGIN and a COMMIT bring the operation along in their text
                _swapped_text(one.text, known),
                tuple(_swapped(argument, known) for argument in one.arguments),
            )
            for one in self.statements
        ]


def _swapped(argument: object, swaps: list[tuple[UUID, UUID]]) -> object:
    for old, new in swaps:
        if argument == old:
            return new
        if isinstance(argument, str) and len(argument) >= 36:
            argument = argument.replace(str(old), str(new))
    return argument


def _swapped_text(text: str, swaps: list[tuple[UUID, UUID]]) -> str:
    for old, new in swaps:
        text = text.replace(old.hex, new.hex)
    return text


async def play(connection: Pooled, statements: list[Statement]) -> None:
    """Send them, one after the other."""
    for one in statements:
        await getattr(connection, one.method)(one.text, *one.arguments)


class Hotel(Struct):
    """What a hotel's devices do, recorded."""

    place: Recording
    bumps: list[Recording]
    menu: Recording
    active: Recording
    status: Recording
    quote: Recording
    open: Recording


class _Connection:
    """A pooled connection that is listened to."""

    def __init__(self, connection: Pooled, heard: list[Statement]) -> None:
        self._connection = connection
        self._heard = heard

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(self._connection, name)
        if name not in _RECORDED:
            return attribute

        async def call(text: str, *arguments: object, **options: Any) -> Any:
            self._heard.append(Statement(name, text, arguments))
            return await attribute(text, *arguments, **options)

        return call


class Recorder:
    """A pool that writes down what goes through it."""

    def __init__(self, pool: Pool, settings: Settings) -> None:
        self._pool = pool
        self._heard: list[Statement] = []
        self._database = Database(cast("Pool", self))
        vault = Vault(MasterKeys(settings.master_keys), fresh_seconds=settings.keys_seconds)
        self._operations = Operations(self._database, vault, commands(vault))
        self._log = Log(self._database, pool)

    @asynccontextmanager
    async def acquire(self, *, timeout: float | None = None) -> AsyncIterator[_Connection]:
        async with self._pool.acquire(timeout=timeout) as connection:
            yield _Connection(connection, self._heard)

    async def hotel(self, tablet: Principal, kitchen: Principal) -> Hotel:
        """Order, read and bump once."""
        menu = await self._read(tablet, read_menu)
        items = (await self._menu(tablet)).items
        orderable = [item for raw in items if (item := dishes.decode(raw)).orderable]
        # two dishes, as the orders of a mix have on average
        cart = {"lines": [{"menu_item_id": item.id, "quantity": 1} for item in orderable[:2]]}
        quote, _ = await self._call("order.quote", tablet, cart)
        place, result = await self._call("order.place", tablet, cart)
        order_id = UUID(confirmations.decode(result).order.id)
        status = await self._read(tablet, lambda scope: read_order(scope, tablet, order_id))
        active = await self._read(kitchen, lambda scope: read_active_orders(scope, kitchen))
        bumps = []
        for step in _STEPS:
            args = {"order_id": str(order_id), "to": step}
            bump, _ = await self._call("order.advance", kitchen, args)
            bumps.append(Recording(bump.statements, bump.op_id, order_id))
        self._heard.clear()
        await self._log.state(tablet.tenant_id)
        return Hotel(
            place=Recording(place.statements, place.op_id, order_id),
            bumps=bumps,
            menu=menu,
            active=active,
            status=Recording(status.statements, None, order_id),
            quote=quote,
            open=Recording(list(self._heard)),
        )

    async def _menu(self, principal: Principal) -> Any:
        async with self._database.read(principal.tenant_id, principal.actor()) as scope:
            return await read_menu(scope)

    async def _read(self, principal: Principal, read: Callable[[Any], Any]) -> Recording:
        self._heard.clear()
        async with self._database.read(principal.tenant_id, principal.actor()) as scope:
            await read(scope)
        return Recording(list(self._heard))

    async def _call(self, name: str, principal: Principal, args: object) -> tuple[Recording, bytes]:
        self._heard.clear()
        op_id = uuid4()
        result = await self._operations.call(name, principal, op_id, msgspec.json.encode(args))
        recording = Recording(list(self._heard), op_id)
        taken = op_id.hex in recording.statements[0].text and op_id.hex in recording.statements[-1].text
        if name not in _UNCLAIMED and not taken:
            raise RuntimeError(f"the id of {name} is not in its SQL: it would be done once only")
        return recording, bytes(result)


def new_order_id() -> UUID:
    """As the hub makes them."""
    return uuid7()
