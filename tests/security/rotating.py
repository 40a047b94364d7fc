"""Keys that change beside hubs at work: what its tests share."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from itertools import count
from typing import TYPE_CHECKING, Any

import msgspec

from hub.db.database import Database
from hub.db.ids import uuid7
from hub.keys.command import Access
from hub.keys.reencrypt import Reencryption
from hub.security.sealing import MasterKeys
from hub.security.vault import Vault
from hub.settings import MasterKey
from tests.conftest import MASTER_KEY
from tests.factories import Hotel
from tests.security.guests import Desk, Guest, Person

if TYPE_CHECKING:
    from hub.settings import Settings

LOOK = 0.1


def quick(settings: Settings, *masters: MasterKey) -> Settings:
    return msgspec.structs.replace(settings, keys_seconds=LOOK, master_keys=masters or (MASTER_KEY,))


def desk(database: Database, hotel: Hotel, *masters: MasterKey) -> Desk:
    """What one process knows of a hotel's keys."""
    keys = MasterKeys(masters or (MASTER_KEY,))
    return Desk(database, Vault(keys, fresh_seconds=LOOK), hotel.tenant_id)


def guest(number: int) -> Guest:
    return Guest(uuid7(), f"Guest {number} 様", f"+81 90-0000-{number:04}")


def person(number: int) -> Person:
    return Person(uuid7(), f"cook{number}@hotel.example", f"SECRET{number}", f"{4710 + number}")


def reencryption(access: Access, **told: Callable[[Any], None]) -> Reencryption:
    return Reencryption(access.database, access.vault, access.master_keys, LOOK, **told)


@asynccontextmanager
async def going_on(*works: Callable[[int], Awaitable[object]]) -> AsyncIterator[list[int]]:
    """Each is done again and again inside the block, and at least three times; how often, one by one. The
    first that fails fails the block."""
    done = [0] * len(works)
    stop = asyncio.Event()

    async def repeat(index: int, work: Callable[[int], Awaitable[object]]) -> None:
        for number in count():
            if stop.is_set() and done[index] >= 3:
                return
            await work(number)
            done[index] += 1
            await asyncio.sleep(0.01)

    async with asyncio.TaskGroup() as group:
        for index, work in enumerate(works):
            group.create_task(repeat(index, work))
        yield done
        stop.set()
