"""Whether sessions may begin. Those of one hotel that ask at the same time are looked up together: when a
process restarts, hundreds of tablets of a hotel come back within a second."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final
from uuid import UUID

from msgspec import Struct

from hub.db.ids import uuid7
from hub.db.scope import Actor
from hub.devices import store
from hub.errors import HubError, Unavailable

if TYPE_CHECKING:
    from hub.db.database import Database
    from hub.security.principal import Principal

_MOST: Final = 500


class _Asked(Struct, frozen=True):
    principal: Principal
    answer: asyncio.Future[None]


class Doorman:
    """Each look at the database takes a `turn`, so that orders find connections too."""

    def __init__(self, database: Database, turn: asyncio.Semaphore) -> None:
        self._database = database
        self._turn = turn
        self._waiting: dict[UUID, list[_Asked]] = {}
        self._flights: set[asyncio.Task[None]] = set()

    async def admit(self, principal: Principal) -> None:
        """Returns when, after this call, the database found true what the token says.

        Raises Unauthorized, TokenExpired or TenantClosed when it did not, Unavailable.
        """
        if principal.session_id is not None:
            # of a member of staff; the transaction itself asks for the sign-in
            async with self._turn, self._database.read(principal.tenant_id, principal.actor()):
                return
        asked = _Asked(principal, asyncio.get_running_loop().create_future())
        if (waiting := self._waiting.get(principal.tenant_id)) is not None:
            waiting.append(asked)
        else:
            self._waiting[principal.tenant_id] = [asked]
            flight = asyncio.create_task(self._fly(principal.tenant_id))
            self._flights.add(flight)
            flight.add_done_callback(self._flights.discard)
        await asked.answer

    async def _fly(self, tenant_id: UUID) -> None:
        """Answer all who wait for this tenant, and those who come meanwhile."""
        try:
            while waiting := self._waiting[tenant_id]:
                async with self._turn:
                    batch, self._waiting[tenant_id] = waiting[:_MOST], waiting[_MOST:]
                    await self._answer(tenant_id, batch)
        finally:
            _tell(self._waiting.pop(tenant_id), Unavailable("the hub is stopping"))

    async def _answer(self, tenant_id: UUID, batch: list[_Asked]) -> None:
        actor = Actor(user_id=None, role="screen", request_id=uuid7())
        verdicts: list[HubError | None]
        try:
            async with self._database.read(tenant_id, actor) as scope:
                verdicts = await store.admitted(scope, [asked.principal for asked in batch])
        except HubError as error:
            verdicts = [error] * len(batch)
        except BaseException:  # whatever it was, nobody may wait for ever
            _tell(batch, Unavailable("the hub could not look; try again"))
            raise
        for asked, verdict in zip(batch, verdicts, strict=True):
            _tell([asked], verdict)

    async def aclose(self) -> None:
        """End all asking."""
        for flight in list(self._flights):
            flight.cancel()
        await asyncio.gather(*self._flights, return_exceptions=True)


def _tell(batch: list[_Asked], verdict: HubError | None) -> None:
    for asked in batch:
        if asked.answer.done():
            continue  # its session is gone
        if verdict is None:
            asked.answer.set_result(None)
        else:
            asked.answer.set_exception(verdict)
