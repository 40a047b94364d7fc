"""A primary, a replica, and a hub that knows both."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import msgspec

from tests.faults.postgres import DATABASE, furnish, hotels_in
from tests.pg_servers import PgCluster, PgServer, pg_cluster
from tests.realtime.conftest import Live, running

if TYPE_CHECKING:
    from hub.embedded import Servers
    from hub.settings import Settings
    from tests.factories import Hotel


class Scene:
    """A cluster, a hub that knows both servers, and hotels."""

    def __init__(self, cluster: PgCluster, settings: Settings, hotels: list[Hotel], live: Live) -> None:
        self.cluster = cluster
        self.old: PgServer = cluster.primary
        self.new: PgServer = cluster.replicas[0]
        self.settings = settings
        self._certain = True
        self.hotels = hotels
        self.address = live.host, live.port

    @property
    def database_url(self) -> str:
        """Of the primary; nowhere while it is not certain who that is."""
        return self.cluster.primary.url(DATABASE) if self._certain else "postgresql:///hub?host=/nowhere"

    async def promote(self) -> None:
        self._certain = False
        await self.new.promote()
        self.cluster.primary, self._certain = self.new, True


@asynccontextmanager
async def scene(servers: Servers, namespace: str) -> AsyncIterator[Scene]:
    with pg_cluster(replicas=1) as cluster:
        await cluster.primary.followed_by("r1")
        own = await furnish(cluster.primary.url, servers.redis_url, namespace)
        hotels = await hotels_in(own)
        settings = msgspec.structs.replace(own, database_url=cluster.url(DATABASE))
        async with running(settings, twins=False) as live:
            yield Scene(cluster, settings, hotels, live)
