"""Replicas, which answer reads that may be some seconds old.

A replica may answer when it has replayed up to three positions: that of the tenant's last commit here, the
one that the client brings, and where the primary was `lag_seconds` ago. The transaction on the replica checks
them itself, so that nothing rests on when this process has last looked. Which servers to ask at all is what
the looks tell: a replica that is away, lags or shows another history than the primary is left out, and comes
back by itself.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections import deque
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, Final

from hub.db.pool import DATABASE_ERRORS, Role, connect, create_pool
from hub.db.position import Written, trail
from hub.db.queries import load
from hub.errors import SettingError, Unavailable

if TYPE_CHECKING:
    from uuid import UUID

    from hub.db.pool import Connection, Pool
    from hub.settings import Settings

_queries = load("replicas")
PRIMARY_POSITION: Final = _queries["primary_position"]
REPLICA_POSITION: Final = _queries["replica_position"]

_LOOK_SECONDS: Final = 0.5
# Who does not answer a look within this is stopped or cut off.
_PATIENCE_SECONDS: Final = 2.0
_BACK_SECONDS: Final = (0.5, 1.5)
_log = logging.getLogger(__name__)


class NoReplica(Exception):
    """The server answers and is no replica of the primary, or shows another history."""


class Replica:
    """One of them. `pool` is None while it must not be asked, `position` is how far it has replayed,
    `history` the system and timeline of the primary that it shows."""

    def __init__(self, settings: Settings, number: int, url: str, size: int, total: int) -> None:
        self.name = f"replica {number}"
        self.pool: Pool | None = None
        self.position = 0
        self.history: tuple[int, int] | None = None
        self._settings = settings
        self._url = url
        self._size = size
        self._total = total
        self._doubted = asyncio.Event()

    def doubt(self) -> None:
        """It has failed a read: it is not asked until it has been looked at again."""
        self.pool = None
        self._doubted.set()

    async def run(self, replicas: Replicas) -> None:
        """Connect, look at it again and again, connect anew; until cancelled."""
        told = ""
        while True:
            try:
                told = await self._serve(replicas)
            except (NoReplica, SettingError, Unavailable, *DATABASE_ERRORS) as error:
                # what a SettingError says is the hub's own text; others may hold addresses
                reason = str(error) if isinstance(error, NoReplica | SettingError) else type(error).__name__
                if reason != told:
                    _log.warning("a replica is left out", extra={"replica": self.name, "reason": reason})
                told = reason
            await asyncio.sleep(random.uniform(*_BACK_SECONDS))

    async def _serve(self, replicas: Replicas) -> str:
        watch = await connect(self._settings, Role.RELAY, replica=self._url)
        try:
            await self._look(watch, replicas)
            pool = await create_pool(
                self._settings, Role.API, self._size, total=self._total, replica=self._url
            )
            try:
                _log.info("a replica serves", extra={"replica": self.name})
                while True:
                    await self._look(watch, replicas)
                    self.pool = pool
                    self._doubted.clear()
                    try:
                        async with asyncio.timeout(_LOOK_SECONDS):
                            await self._doubted.wait()
                    except TimeoutError:
                        continue
                    # it answers looks, perhaps, and fails reads: not at once again
                    return "a read has failed"
            finally:
                self.pool = None
                pool.terminate()
        finally:
            watch.terminate()

    async def _look(self, watch: Connection, replicas: Replicas) -> None:
        row = await watch.fetchrow(REPLICA_POSITION.text, timeout=_PATIENCE_SECONDS)
        if row is None or not row["standby"] or row["position"] is None:
            raise NoReplica("it is no replica")
        self.position, self.history = row["position"], (row["server"], row["timeline"])
        if replicas.history not in (None, self.history):
            raise NoReplica("it does not follow the primary")


class Replicas:
    """All of them. `history` is the primary's system and timeline, None until it has answered."""

    def __init__(self, settings: Settings, primary: Pool, size: int) -> None:
        """`primary` is a pool of hub_relay; `size` the connections of hub_api to each replica."""
        # the watching connection stands beside the pool
        total = settings.workers * (size + 1)
        urls = enumerate(settings.replica_url, 1)
        self.each = [Replica(settings, number, url, size, total) for number, url in urls]
        self.history: tuple[int, int] | None = None
        self.written = Written()
        self._primary = primary
        self._lag_seconds = settings.replica_lag_seconds
        # When a look at the primary began, and its answer: what was committed before then lies below.
        self._looks: deque[tuple[float, int]] = deque()

    def parts(self) -> dict[str, Coroutine[Any, Any, None]]:
        """What must run beside the hub, by name."""
        return {"primary": self.run()} | {replica.name: replica.run(self) for replica in self.each}

    async def run(self) -> None:
        """Look at the primary again and again, until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            began = loop.time()
            try:
                async with self._primary.acquire(timeout=_PATIENCE_SECONDS) as connection:
                    row = await connection.fetchrow(PRIMARY_POSITION.text, timeout=_PATIENCE_SECONDS)
            except DATABASE_ERRORS:
                row = None  # without looks the replicas grow too old by themselves
            if row is not None:
                history = row["server"], row["timeline"]
                if history != self.history:
                    # positions of another timeline say nothing about this one
                    self._looks.clear()
                    self.history = history
                self._looks.append((began, row["position"]))
            await asyncio.sleep(_LOOK_SECONDS)

    def committed(self, tenant_id: UUID, position: int) -> None:
        """The tenant has committed, and the journal of the primary reaches up to `position`."""
        self.written.note(tenant_id, position)
        if (asked := trail.get()) is not None:
            asked.reached = position

    def choose(self, tenant_id: UUID | None) -> tuple[Replica, Pool, int] | None:
        """A replica, its pool, and the position that it must have replayed: with a tenant, what that one has
        committed too."""
        floor = self._floor()
        if floor is None:
            return None
        fit = [
            (replica, replica.pool)
            for replica in self.each
            if replica.pool is not None and replica.history == self.history and replica.position >= floor
        ]
        if not fit:
            return None
        replica, pool = random.choice(fit)
        if tenant_id is None:
            return replica, pool, floor
        asked = trail.get()
        return replica, pool, max(floor, self.written.of(tenant_id), 0 if asked is None else asked.seen)

    def _floor(self) -> int | None:
        """Where the primary was `lag_seconds` ago, or a little later; None when nobody knows."""
        oldest = asyncio.get_running_loop().time() - self._lag_seconds
        while self._looks and self._looks[0][0] < oldest:
            self._looks.popleft()
        return self._looks[0][1] if self._looks else None

    async def answer(self) -> None:
        """Returns when every replica may be asked; raises Unavailable."""
        floor = self._floor()
        for replica in self.each:
            if replica.pool is None or floor is None or replica.position < floor:
                raise Unavailable(f"{replica.name} is away, or lags")
