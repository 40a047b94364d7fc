"""How a connection to PostgreSQL is made: to that one of several servers that takes writes now, and never to
one that a promotion has left behind.

Every promotion begins a new timeline. A process remembers the newest one that it has seen of a database; who
answers on an older one was the primary once, and what it is told there is lost. So a new timeline also ends
every connection of the process to an older one. A process that has never seen the new primary, and cannot
reach it, has no way to know of it: keeping two primaries apart is the business of who promotes.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final, TypeAlias
from urllib.parse import parse_qsl, quote, urlencode, urlsplit
from weakref import WeakKeyDictionary

import asyncpg

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hub.db.pool import Connection, Pooled

Place: TypeAlias = tuple[int, int]
# The server that was right the last time is asked alone for so long, then the others one by one.
_HEAD_START_SECONDS: Final = 0.5
# A process that has just started knows no timeline: it hears all servers that answer by then.
_ALL_SECONDS: Final = 2.0
_PORT: Final = "5432"

_PLACE: Final = """
SELECT pg_backend_pid() AS pid, system_identifier AS system,
       CASE WHEN current_setting('transaction_read_only') = 'off'
           THEN ('x' || substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8))::bit(32)::integer
       END AS timeline
FROM pg_control_system()
"""


class NotPrimary(ConnectionError):
    """The server takes no writes, or a promotion has left it behind."""


class Pooler(ConnectionError):
    """A pooler stands in between where PostgreSQL itself is needed."""


class Lineage:
    """The newest timeline of each database system that this process has seen, and its open connections."""

    def __init__(self) -> None:
        self._newest: dict[int, int] = {}
        self._open: WeakKeyDictionary[Connection, Place] = WeakKeyDictionary()

    def admit(self, connection: Connection, system: int, timeline: int) -> bool:
        """Whether nothing newer is known; what is older ends."""
        if timeline < self._newest.get(system, 0):
            return False
        self._newest[system] = timeline
        self._open[connection] = (system, timeline)
        for other, (its_system, its_timeline) in list(self._open.items()):
            if its_system == system and its_timeline < timeline:
                other.terminate()
        return True

    def place(self, connection: Connection) -> Place | None:
        return self._open.get(connection)

    def renounce(self, pid: int) -> None:
        """Whoever serves under this number takes no writes: end every connection to the same place."""
        places = {place for one, place in self._open.items() if one.get_server_pid() == pid}
        for one, place in list(self._open.items()):
            if place in places:
                one.terminate()


_lineage: Final = Lineage()
_last: Final[dict[str, str]] = {}


def place_of(connection: Connection) -> Place | None:
    """The system identifier and the timeline that it was made to; None when it has ended since."""
    return _lineage.place(connection)


def renounce(connection: Connection | Pooled) -> None:
    """The server has refused a write of this connection: it was the primary, and is none now."""
    _lineage.renounce(connection.get_server_pid())


def servers(url: str) -> list[str]:
    """A URL for each server that `url` names, in its order, whatever that server is."""
    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    account, at, netloc = parts.netloc.rpartition("@")
    hosts = (netloc or query.pop("host", "")).split(",")
    if len(hosts) == 1:
        return [url]
    query.pop("target_session_attrs", None)  # `dial` takes the primary, whether it is asked to or not
    ports = query.pop("port", _PORT).split(",")
    if len(ports) == 1:
        ports *= len(hosts)
    found = []
    for host, port in zip(hosts, ports, strict=True):
        own, where = dict(query), host
        if not netloc:  # sockets, or names behind the question mark
            own, where = {"host": host, "port": port, **query}, ""
        elif not host.rpartition("]")[2].rpartition(":")[1]:
            where = f"{host}:{port}"
        tail = urlencode(own, quote_via=quote, safe="")
        found.append(f"{parts.scheme}://{account}{at}{where}{parts.path}{'?' if tail else ''}{tail}")
    return found


async def dial(url: str, *, timeout: float, pooled: bool = False, **options: Any) -> Connection:
    """A connection to the primary among the servers of `url`, within `timeout` seconds.

    Raises Pooler when something in between shares out connections and that is not allowed by `pooled`;
    NotPrimary, OSError, TimeoutError or asyncpg's errors when no server does.
    """
    async with asyncio.timeout(timeout):
        urls = servers(url)
        if len(urls) == 1:
            return await _knock(url, pooled, options)
        last = _last.get(url)
        urls.sort(key=lambda one: one != last)
        tasks: dict[asyncio.Task[Connection], str] = {}
        chosen: asyncio.Task[Connection] | None = None
        try:
            for one in urls:
                tasks[asyncio.create_task(_knock(one, pooled, options))] = one
                if last and (chosen := await _first(tasks, _HEAD_START_SECONDS)):
                    break
            if last is None:
                await asyncio.wait(tasks, timeout=_ALL_SECONDS)
            chosen = chosen or await _first(tasks, None)
            if chosen is None:
                raise _plainest(task.exception() for task in tasks)
            _last[url] = tasks[chosen]
            return chosen.result()
        finally:
            for task in tasks:
                if task is not chosen:
                    task.cancel()
                    task.add_done_callback(_hang_up)


async def _knock(url: str, pooled: bool, options: dict[str, Any]) -> Connection:
    try:
        connection: Connection = await asyncpg.connect(url, **options)
    except asyncpg.TargetServerAttributeNotMatched as error:
        raise NotPrimary("the server is not what the URL asks for") from error
    try:
        place = await connection.fetchrow(_PLACE)
        if place is None or place["timeline"] is None:
            raise NotPrimary("the server takes no writes")
        if place["pid"] != connection.get_server_pid() and not pooled:
            raise Pooler
        if not _lineage.admit(connection, place["system"], place["timeline"]):
            raise NotPrimary("another server has been promoted since this one was the primary")
    except BaseException:  # a cancellation too must not leave it open
        connection.terminate()
        raise
    return connection


async def _first(tasks: Iterable[asyncio.Task[Connection]], seconds: float | None) -> Any:
    """The first of the tasks that has a connection, or None: all have failed, or the time is up."""
    loop = asyncio.get_running_loop()
    deadline = None if seconds is None else loop.time() + seconds
    while True:
        good = [task for task in tasks if task.done() and _stands(task)]
        pending = [task for task in tasks if not task.done()]
        left = None if deadline is None else deadline - loop.time()
        if good or not pending or (left is not None and left <= 0):
            return good[0] if good else None
        await asyncio.wait(pending, timeout=left, return_when=asyncio.FIRST_COMPLETED)


def _stands(task: asyncio.Task[Connection]) -> bool:
    # A later answer may have told of a newer timeline, and ended this one.
    return not task.cancelled() and task.exception() is None and not task.result().is_closed()


def _hang_up(task: asyncio.Task[Connection]) -> None:
    if not task.cancelled() and task.exception() is None:
        task.result().terminate()


def _plainest(errors: Iterable[BaseException | None]) -> BaseException:
    """Of what several servers said, what helps most: a refusal before a silence."""
    found = [error for error in errors if error is not None]
    return next((error for error in found if not isinstance(error, OSError)), found[-1])
