"""redis-py's clients, for what is asked now and then and wants every command there is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeAlias

from redis.asyncio import Redis, RedisCluster
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel
from redis.backoff import NoBackoff

if TYPE_CHECKING:
    from hub.redis.place import Address, Place

# What a dead Sentinel, or a dead node of a cluster, may take of a deadline.
_PART: Final = 0.3


Client: TypeAlias = Redis | RedisCluster


def options(place: Place, seconds: float) -> dict[str, Any]:
    """For any client: no command takes longer than `seconds`, and none is sent again silently."""
    return {
        **place.options(),
        "protocol": 2,
        "socket_timeout": seconds,
        "socket_connect_timeout": seconds,
        "retry": Retry(NoBackoff(), 0, supported_errors=()),
    }


def one(place: Place, address: Address, seconds: float) -> Redis:
    """A client of one server of the place."""
    host, port = address
    if port:
        return Redis(host=host, port=port, **options(place, seconds))
    return Redis(unix_socket_path=host, **options(place, seconds))


class Primary:
    """`client` asks the one server, or whoever the Sentinels say is the primary. Not for a cluster."""

    def __init__(self, place: Place, seconds: float) -> None:
        self._sentinel: Sentinel | None = None
        if place.form == "one":
            self.client = one(place, place.seeds[0], seconds)
            return
        asking = options(place, seconds * _PART)
        del asking["db"]
        asking |= {"username": place.sentinel_login.username, "password": place.sentinel_login.password}
        self._sentinel = Sentinel(  # type: ignore[no-untyped-call]
            place.seeds, sentinel_kwargs=asking, **options(place, seconds)
        )
        self.client = self._sentinel.master_for(place.service)

    async def aclose(self) -> None:
        """Close the connections."""
        await self.client.connection_pool.aclose()
        if self._sentinel is not None:
            await self._sentinel.aclose()


def cluster_options(place: Place, seconds: float) -> dict[str, Any]:
    """For a client of the cluster. A command that finds its node gone is sent once more, to the new owner."""
    return {
        **options(place, seconds * _PART),
        "retry": Retry(NoBackoff(), 1),
        # what is down does not stop what is up
        "require_full_coverage": False,
    }


async def well(client: Client) -> bool:
    """Whether the server answers; of a cluster, all its primaries."""
    if isinstance(client, RedisCluster):
        return bool(await client.ping(target_nodes=RedisCluster.PRIMARIES))
    return bool(await client.ping())
