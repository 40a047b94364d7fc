"""A process that sends the hub's SQL with nothing of the hub around it, started by `sql`."""

from __future__ import annotations

import asyncio
import gc
import random
import time
from collections import deque
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

import asyncpg
import msgspec

from bench.ceiling.record import Hotel, Recorder, new_order_id, play
from bench.ceiling.words import Done, Go, Plan, Ready
from bench.pipes import serve, tell
from hub.db.pool import Role, create_pool
from hub.security.keyring import Keyring
from hub.security.sealing import MasterKeys
from hub.security.tokens import Tokens

if TYPE_CHECKING:
    from hub.db.pool import Pool, Pooled

_CONNECTIONS = 16


class Replay:
    """Orders on their way are (order, step, hotel)."""

    def __init__(self, pool: Pool, hotels: list[Hotel]) -> None:
        self._pool = pool
        self._hotels = hotels
        self._underway: deque[tuple[UUID, int, int]] = deque()
        self._chance = random.Random(7)

    async def run(self, go: Go) -> Done:
        done = Done()
        names, weights = list(go.shares), list(go.shares.values())
        started, cpu = time.monotonic(), time.process_time()
        end = started + go.seconds

        async def loop() -> None:
            async with self._pool.acquire() as connection:
                while time.monotonic() < end:
                    name = self._chance.choices(names, weights)[0]
                    try:
                        await self._one(connection, name)
                    except asyncpg.PostgresError as error:
                        await connection.execute("ROLLBACK")
                        kind = type(error).__name__
                        done.errors[kind] = done.errors.get(kind, 0) + 1
                    else:
                        done.done += time.monotonic() < end

        await asyncio.gather(*(loop() for _ in range(go.connections)))
        done.seconds = go.seconds
        done.cpu_seconds = time.process_time() - cpu
        return done

    async def _one(self, connection: Pooled, name: str) -> None:
        number = self._chance.randrange(len(self._hotels))
        hotel = self._hotels[number]
        match name:
            case "bump" if self._underway:
                order, step, where = self._underway.popleft()
                await play(connection, self._hotels[where].bumps[step].fresh(uuid4(), order))
                if step + 1 < len(hotel.bumps):
                    self._underway.append((order, step + 1, where))
            case "place" | "bump":
                order = new_order_id()
                await play(connection, hotel.place.fresh(uuid4(), order))
                self._underway.append((order, 0, number))
            case "status":
                await play(connection, hotel.status.statements)
            case "active":
                await play(connection, hotel.active.statements)
            case "quote":
                await play(connection, hotel.quote.statements)
            case "open":
                await play(connection, hotel.open.statements)
            case _:
                await play(connection, hotel.menu.statements)


async def work(lines: asyncio.StreamReader) -> None:
    """Until the input ends."""
    plan = msgspec.json.decode(await lines.readline(), type=Plan)
    auth = await create_pool(plan.settings, Role.AUTH, 1)
    pool = await create_pool(plan.settings, Role.API, _CONNECTIONS)
    try:
        keyring = Keyring(auth, MasterKeys(plan.settings.master_keys), plan.settings.keys_seconds)
        tokens = Tokens(await keyring.first(), plan.settings.token_seconds)
        recorder = Recorder(pool, plan.settings)
        hotels = [
            await recorder.hotel(tokens.verify(tablet), tokens.verify(kitchen))
            for tablet, kitchen in plan.tokens
        ]
        tell(Ready())
        replay = Replay(pool, hotels)
        gc.freeze()
        while line := await lines.readline():
            tell(await replay.run(msgspec.json.decode(line, type=Go)))
    finally:
        await auth.close()
        await pool.close()


if __name__ == "__main__":
    serve(work)
