"""Whose log it is, asked before anybody reads it.

On a new timeline the log may lack events that screens have seen, and reuse their seqs. Its epochs are renewed
before this process uses the first connection to it: until then a head, a page or a state would look like the
same past gone back.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from typing import TYPE_CHECKING, Final

import asyncpg

from hub.db.dial import NotPrimary, place_of
from hub.db.queries import load

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from hub.db.dial import Place
    from hub.db.pool import Connection

CHECK_ORIGIN: Final = load("log")["check_origin"]

# Before the first `hub migrate` there is no log.
_NO_LOG: Final = (
    asyncpg.UndefinedFunctionError,
    asyncpg.UndefinedTableError,
    asyncpg.InvalidSchemaNameError,
    asyncpg.InsufficientPrivilegeError,
)
_checked: Final[set[tuple[str, Place | None]]] = set()
_turns: Final[defaultdict[str, asyncio.Lock]] = defaultdict(asyncio.Lock)


async def check_origin(
    url: str, connection: Connection, connect: Callable[[], Awaitable[Connection]]
) -> None:
    """Returns when the epochs of the database at `url` are those of the timeline that `connection` is on.

    `connect` opens a connection as hub_relay. Raises what it raises, and what a statement may raise.
    """
    place = place_of(connection)
    if (url, place) in _checked:
        return
    async with _turns[url]:
        if (url, place) in _checked:
            return
        relay = await connect()
        try:
            await relay.fetchval(CHECK_ORIGIN.text)
        except _NO_LOG:
            return
        finally:
            relay.terminate()
        _checked.add((url, place_of(relay)))
        if (url, place) not in _checked:
            raise NotPrimary("another server has been promoted in this moment")
