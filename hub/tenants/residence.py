"""A token is good at the addresses of its own hotel, and at those that name none. At another hotel's address
it was put by a mistake, or by somebody who tries."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Final

from hub.db.ids import uuid7
from hub.db.scope import Actor
from hub.errors import Unauthorized, Unavailable
from hub.security import events

if TYPE_CHECKING:
    from hub.db.database import Database
    from hub.db.scope import Scope
    from hub.security.hosts import Hosts
    from hub.security.principal import Principal


# What can be a hotel's: a name with a dot and letters. Not localhost, and no address of a network.
_NAMED: Final = re.compile(r"[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*\.[A-Za-z][A-Za-z0-9-]*(:\d+)?")
_SECONDS: Final = 1.0


class Residence:
    """Asks which hotel an address names."""

    def __init__(self, hosts: Hosts, database: Database) -> None:
        self._hosts = hosts
        self._database = database

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
        details = {"address_of": place.slug, "kind": principal.kind}

        async def work(scope: Scope) -> None:
            await events.record(scope, "tenant.refused", principal.id, details)

        actor = Actor(user_id=principal.id, role=principal.called, request_id=uuid7())
        await self._database.transaction(principal.tenant_id, actor, work, idempotent=False)
        raise Unauthorized("This token is not valid here.")
