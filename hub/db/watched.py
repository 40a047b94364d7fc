"""A pool that knows who waits for it, and for how long."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import asyncpg
from asyncpg.pool import PoolAcquireContext

from hub.telemetry.histogram import Histogram

if TYPE_CHECKING:
    from collections.abc import Callable

    _Pool = asyncpg.Pool[asyncpg.Record]
    _Acquire = PoolAcquireContext[asyncpg.Record]
else:
    _Pool, _Acquire = asyncpg.Pool, PoolAcquireContext


class Watched(_Pool):
    """`waiting` have asked for a connection and have none yet; `waits` counts the seconds of those who asked,
    also of those who gave up. While `away` says so, nobody is let in: ConnectionRefusedError."""

    def __init__(self, *address: Any, **options: Any) -> None:
        super().__init__(
            *address,
            loop=None,
            connection_class=asyncpg.Connection,
            record_class=asyncpg.Record,
            **options,
        )
        self.waiting = 0
        self.waits = Histogram()
        self.away: Callable[[], bool] = lambda: False

    def acquire(self, *, timeout: float | None = None) -> _Acquire:
        """As of any pool, with `async with`."""
        return _Wait(self, timeout)


class _Wait(_Acquire):
    pool: Watched

    async def __aenter__(self) -> Any:
        pool, started = self.pool, time.perf_counter()
        if pool.away():
            raise ConnectionRefusedError("the database is away")
        pool.waiting += 1
        try:
            return await super().__aenter__()
        finally:
            pool.waiting -= 1
            pool.waits.add(time.perf_counter() - started)

    async def __aexit__(self, *exc: object) -> None:
        _, error, _ = exc
        connection = self.connection
        if isinstance(error, TimeoutError) and connection is not None:
            # The server, or the way to it, has fallen silent. It would not confirm a cancellation either, and
            # what lies idle in the pool is as dead: nobody else shall find out by waiting.
            with suppress(asyncpg.InterfaceError):  # it has been ended already
                connection.terminate()
            await self.pool.expire_connections()
        await super().__aexit__(*exc)
