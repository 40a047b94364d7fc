"""A token is good at the addresses of its own hotel, and at those that name none. At another hotel's address
it was put by a mistake, or by somebody who tries."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from hub.db.ids import uuid7
from hub.db.scope import Actor
from hub.errors import HubError, Unauthorized, Unavailable
from hub.security import events
from hub.security.windows import Windows

if TYPE_CHECKING:
    from uuid import UUID

    from hub.db.database import Database
    from hub.db.scope import Scope
    from hub.security.hosts import Hosts
    from hub.security.principal import Principal


# What can be a hotel's: a name with a dot and letters. Not localhost, and no address of a network.
_NAMED: Final = re.compile(r"[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*\.[A-Za-z][A-Za-z0-9-]*\.?(:\d+)?")
_SECONDS: Final = 1.0
# Whoever goes on trying, such as a tablet with a wrong address, is written down so often and no more.
_TOLD_SECONDS: Final = 60


class Residence:
    """Asks which hotel an address names, and writes down whose token came to another hotel."""

    def __init__(self, hosts: Hosts, database: Database) -> None:
        self._hosts = hosts
        self._database = database
        self._told = Windows(1, _TOLD_SECONDS)

    async def check(self, host: str | None, principal: Principal) -> None:
        """Raises Unauthorized, which is written into the audit of the token's hotel.

        While the database is away nobody is turned off for it: nothing can be read then, and the token's own
        tenant is what keeps hotels apart.
        """
        if host is None or not _NAMED.fullmatch(host):
            return
        try:
            async with asyncio.timeout(_SECONDS):
                place = await self._hosts.find(host)
        except (Unavailable, TimeoutError):
            return
        if place is None or place.tenant_id == principal.tenant_id:
            return
        await self._tell(principal, principal.id, place.tenant_id, {"address_of": place.slug})
        raise Unauthorized("This token is not valid here.")

    async def stranger(self, fresh: Principal, at: Principal) -> None:
        """Write down that the token of `fresh` came to the session of `at`, in another hotel."""
        await self._tell(fresh, at.id, at.tenant_id, {"tenant_id": at.tenant_id})

    async def _tell(self, whose: Principal, record: UUID, place: UUID, details: Mapping[str, object]) -> None:
        if self._told.hit(f"{whose.id}/{place}") > 0:
            return

        async def work(scope: Scope) -> None:
            await events.record(scope, "tenant.refused", record, {**details, "kind": whose.kind})

        actor = Actor(user_id=whose.id, role=whose.called, request_id=uuid7())
        # What cannot be written now is refused all the same.
        with suppress(HubError):
            await self._database.transaction(whose.tenant_id, actor, work, idempotent=False)
