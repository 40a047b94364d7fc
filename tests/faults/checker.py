"""The one checker of all fault tests: guests and cooks of several hotels at work over real sockets, while a
test breaks something, and a judgement afterwards.

    async with checked(hotels, fleet.address, lambda: settings.database_url) as load:
        await load.done(100)            # 100 more commands have been answered
        ...                             # break something
        await load.done(50)             # left out while nothing can be answered
        ...                             # mend it
        healing = await load.healed()   # commands are answered again, and every screen is up to date in time

Leaving the block stops the load, waits for the last answers, and raises AssertionError with a readable list
of all that was wrong:

    lost       an acknowledged operation that the database does not hold, or holds otherwise, or that no event
               tells of; an answer that came before its commit
    doubled    two orders of one operation, a recall that counts twice, an event or a reply that came twice
    disorder   an event or position that goes back, a reply out of its turn, an older version on a screen
    holes      a screen that says it was told of everything up to a seq, and was not
    stuck      a screen that is not up to date 5 s after the first command that was answered after `healed`
               was called, or never; a command without an answer
    wrong      a last state other than the database's and that of a fresh connection; internal errors; a close
               code that sends a client away for good, or that stands for a broken protocol

Arguments of `checked`: `hotels` (of tests.factories.make_hotel, with at least `guests` rooms; each has four
kitchen screens); `address()` gives host and port anew for each connection, as a balancer does; a superuser
reads the truth at `database_url()` (a callable: after a promotion it is another server). Epochs may change:
then only what came since counts for holes, the rest always. `load.clients`, with their `journal` (every line
sent and heard), `operations` (with every reply) and `shown`, stay readable for a test's own assertions, and
`load.problems` takes what a test finds itself. Seconds in which this process itself was held up are given to
everybody on top.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import asyncpg
from msgspec import Struct

from hub.db.pool import DATABASE_ERRORS
from tests.faults import truth
from tests.faults.client import Address, Client, Operation
from tests.faults.load import Actor, Lateness
from tests.realtime.screens import token_of

if TYPE_CHECKING:
    from hub.db.pool import Connection
    from hub.security.principal import Principal
    from tests.factories import Hotel

CONVERGED_SECONDS = 5.0
# Until a command is answered after a fault, until the last ones are at the end, and for a statement.
_ANSWER_SECONDS = 40.0
_POLL_SECONDS = 0.02
# For tasks that were cancelled; a library may swallow that, so it is said again.
_LEAVE_SECONDS = 20.0
_AGAIN_SECONDS = 1.0
_LISTED = 40
_FATAL_CLOSES = {1002, 1003, 1007, 1009, 1011, 4004}
_KINDS = frozenset({"hotel", "menu_item", "order"})
_PATIENT = {f"alert_{step}_seconds": 3600 for step in ("unseen", "hook", "chime", "page")}
_BEGUN_BEFORE = """
    SELECT concat_ws(' ', usename, pid, state, wait_event, clock_timestamp() - xact_start, query) AS what
    FROM pg_stat_activity
    WHERE datname = current_database() AND backend_type = 'client backend' AND xact_start < $1
        AND pid <> pg_backend_pid()
"""


class Healing(Struct, frozen=True):
    """Seconds from the call of `healed` to the first answered command that was begun after it, and from there
    until the last screen was up to date; those not counted in which this process itself was held up."""

    answered: float
    converged: float


class Load:
    """See the module. `problems` holds what was found while it ran."""

    def __init__(
        self,
        hotels: Sequence[Hotel],
        address: Callable[[], Address],
        database_url: Callable[[], str],
        *,
        guests: int,
        cooks: int,
        pace: float,
        token: Callable[[Principal], str],
        patience: float,
        within: float,
    ) -> None:
        self.problems: list[str] = []
        self.clients: list[Client] = []
        self.hotel_of: dict[Client, Hotel] = {}
        self._hotels = hotels
        self._address = address
        self._database_url = database_url
        self._token = token
        self._patience = patience
        self._within = within
        self._actors: list[Actor] = []
        for hotel in hotels:
            cast = [(f"guest {room}", hotel.tablet(room)) for room in range(guests)]
            cast += [(f"cook {screen}", hotel.kitchen(screen)) for screen in range(cooks)]
            for name, principal in cast:
                client = self._client(f"{hotel.slug[-6:]} {name}", principal)
                self.clients.append(client)
                self.hotel_of[client] = hotel
                self._actors.append(Actor(client, hotel, pace, seed=len(self._actors)))
        self._stop = asyncio.Event()
        self._lateness = Lateness()
        self._witnessed: asyncio.Queue[tuple[Client, Operation]] = asyncio.Queue()
        self._answered: list[tuple[float, float]] = []  # when it began, when it was answered
        self._running: list[asyncio.Task[None]] = []
        self._acting: list[asyncio.Task[None]] = []

    def _client(self, name: str, principal: Principal) -> Client:
        return Client(
            name,
            principal,
            self._address,
            token=self._token,
            answer_seconds=self._patience,
            answered=self._take,
        )

    def _take(self, client: Client, operation: Operation) -> None:
        self._answered.append((operation.began, time.monotonic()))
        self._witnessed.put_nowait((client, operation))

    # for a test

    @property
    def answered(self) -> int:
        """Successful replies so far."""
        return len(self._answered)

    async def done(self, number: int, seconds: float = 60.0) -> None:
        """Wait until `number` more commands have been answered than now."""
        wanted = self.answered + number
        if not await self._until(lambda: self.answered >= wanted, seconds):
            raise AssertionError(listed([*self.problems, f"only {self.answered} of {wanted} answers"]))

    async def until(
        self, condition: Callable[[Client], bool], *, kind: str = "", seconds: float = 20.0
    ) -> None:
        """Wait until it holds for every client, or for every one of that kind of principal, at once."""
        clients = [client for client in self.clients if kind in ("", client.principal.kind)]
        if not await self._until(lambda: all(map(condition, clients)), seconds):
            late = [client.name for client in clients if not condition(client)]
            raise AssertionError(listed([*self.problems, f"not within {seconds:.0f} s: {', '.join(late)}"]))

    async def healed(self) -> Healing:
        """The fault is over now: wait for the first command that is answered again, then for all screens.

        A screen is up to date when it has been told of everything that its hotel's log held at that first
        answer. One that is later than `within` becomes a problem.
        """
        called, late_before = time.monotonic(), self._lateness.seconds

        def first() -> float | None:
            # answers come in the order of their moments, begins do not
            later = (at for began, at in reversed(self._answered) if at > called and began > called)
            return min(later, default=None)

        if not await self._until(lambda: first() is not None, _ANSWER_SECONDS):
            self.problems.append(f"no command was answered within {_ANSWER_SECONDS:.0f} s after the fault")
            return Healing(_ANSWER_SECONDS, 0.0)
        answered = first() or called
        late = self._lateness.seconds
        for name in await self._until_current(answered):
            self.problems.append(
                f"{name} was not up to date {self._within:.0f} s after the service answered again"
            )
        converged = time.monotonic() - answered - (self._lateness.seconds - late)
        return Healing(max(0.0, answered - called - (late - late_before)), max(0.0, converged))

    # the run

    async def start(self) -> None:
        """Connect everybody, then let them act."""
        self._running = [asyncio.create_task(self._lateness.run()), asyncio.create_task(self._witness())]
        self._running += [asyncio.create_task(client.run()) for client in self.clients]
        if not await self._until(
            lambda: all(client.shown.position or client.ended for client in self.clients), _ANSWER_SECONDS
        ):
            raise AssertionError("not every client got its first state")
        self._acting = [asyncio.create_task(actor.run(self._stop)) for actor in self._actors]

    async def finish(self) -> list[str]:
        """Stop acting, wait for what is under way, judge; the list of problems."""
        self._stop.set()
        done, late = await asyncio.wait(self._acting, timeout=_ANSWER_SECONDS)
        for actor in done:
            actor.result()
        for actor in late:
            actor.cancel()
        async with _connection(self._database_url()) as connection:
            await hush(connection, self._hotels)
        behind = await self._until_current(time.monotonic())
        self.problems += [f"{name} never got to the end of the log" for name in behind]
        await self._until(self._witnessed.empty, self._within)
        await self.leave()
        async with _connection(self._database_url()) as connection:
            for hotel in self._hotels:
                clients = [client for client in self.clients if self.hotel_of[client] is hotel]
                await self._judge(await truth.read(connection, hotel), clients)
        return self.problems

    async def leave(self) -> None:
        """End all connections."""
        tasks = [*self._acting, *self._running]
        self._acting, self._running = [], []
        pending, deadline = set(tasks), time.monotonic() + _LEAVE_SECONDS
        while pending:
            for task in pending:
                task.cancel()
            _, pending = await asyncio.wait(pending, timeout=_AGAIN_SECONDS)
            assert not pending or time.monotonic() < deadline, f"these do not end: {pending}"
        ended = await asyncio.gather(*tasks, return_exceptions=True)
        failed = [error for error in ended if isinstance(error, Exception)]
        self.problems += [f"the checker itself failed: {error!r}" for error in failed]

    async def _judge(self, right: truth.Truth, clients: list[Client]) -> None:
        self.problems += truth.operations(right, clients)
        for client in clients:
            self.problems += (f"{client.name}: {problem}" for problem in client.shown.problems)
            self.problems += truth.told(right, client)
            self.problems += truth.turns(client)
            for entry in client.journal:
                if entry.kind == "close" and entry.body["code"] in _FATAL_CLOSES:
                    self.problems.append(f"{client.name}: its socket was closed with {entry.body['code']}")
            if client.ended is not None:
                self.problems.append(f"{client.name}: sent away for good with {client.ended}")
            unanswered = [
                operation
                for operation in client.operations
                if operation.acknowledged is None and not operation.refused
            ]
            if unanswered:
                self.problems.append(f"{client.name}: {len(unanswered)} commands were never answered")
        await asyncio.gather(*(self._compare_with_fresh(right, client) for client in clients))

    async def _compare_with_fresh(self, right: truth.Truth, client: Client) -> None:
        fresh = Client(f"{client.name} anew", client.principal, self._address, token=self._token)
        task = asyncio.create_task(fresh.run())
        try:
            if not await self._until(lambda: bool(fresh.shown.server_time), _ANSWER_SECONDS):
                self.problems.append(f"{client.name}: a fresh connection gets no state")
                return
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        now = datetime.fromisoformat(fresh.shown.server_time).astimezone(UTC)
        self.problems += truth.shows(right, client, now)
        what = f"{client.name}, compared with a fresh screen"
        self.problems += truth.differences(what, fresh.shown.documents, client, now, _KINDS)

    async def _until_current(self, since: float) -> list[str]:
        """The names of those who have not been told of the heads of now in time, counted from `since`."""
        async with _connection(self._database_url()) as connection:
            rows = await connection.fetch("SELECT tenant_id, epoch::text, seq FROM app.tenant_heads")
        heads = {row["tenant_id"]: (row["epoch"], row["seq"]) for row in rows}

        def behind() -> list[str]:
            return [client.name for client in self.clients if not self._reached(client, heads)]

        await self._until(lambda: not behind(), since + self._within - time.monotonic())
        return behind()

    def _reached(self, client: Client, heads: dict[object, tuple[str, int]]) -> bool:
        epoch, seq = heads[self.hotel_of[client].tenant_id]
        position = client.shown.position
        return position is not None and position[0] == epoch and position[1] >= seq

    async def _until(self, condition: Callable[[], bool], seconds: float) -> bool:
        deadline = time.monotonic() + seconds - self._lateness.seconds
        while not condition():
            if time.monotonic() > deadline + self._lateness.seconds:
                return False
            await asyncio.sleep(_POLL_SECONDS)
        return True

    async def _witness(self) -> None:
        """Looks for each operation in the moment that its answer comes: it must be committed by then."""
        while True:
            with suppress(*DATABASE_ERRORS):
                url = self._database_url()
                async with _connection(url) as connection:
                    while url == self._database_url():
                        await self._look(connection, url, *await self._witnessed.get())
            # The server is away: what it has lost is found at the end.
            await asyncio.sleep(_POLL_SECONDS)

    async def _look(self, connection: Connection, url: str, client: Client, operation: Operation) -> None:
        if operation.op_id is None:
            return
        stored = await connection.fetchval(
            "SELECT count(*) FROM app.idempotency WHERE tenant_id = $1 AND op_id = $2::text::uuid",
            client.principal.tenant_id,
            operation.op_id,
            timeout=2,
        )
        if not stored and url == self._database_url():
            self.problems.append(
                f"{client.name}: {operation.name} {operation.op_id} was acknowledged before its commit"
            )


async def hush(connection: Connection, hotels: Sequence[Hotel]) -> None:
    """The hub writes by itself, of orders that wait: from now on it has nothing to say in these hotels, and
    what it has begun is waited for. Then their logs have an end. `connection` is a superuser's."""
    begun: list[str] = []
    try:
        async with asyncio.timeout(_ANSWER_SECONDS):
            await connection.execute(
                "UPDATE app.tenants SET settings = settings || $1::text::jsonb WHERE id = ANY($2)",
                json.dumps(_PATIENT),
                [hotel.tenant_id for hotel in hotels],
            )
            now = await connection.fetchval("SELECT clock_timestamp()")
            while True:
                begun = [row["what"] for row in await connection.fetch(_BEGUN_BEFORE, now)]
                if not begun:
                    return
                await asyncio.sleep(_POLL_SECONDS)
    except TimeoutError:
        lines = "\n".join(begun)
        raise AssertionError(f"open for {_ANSWER_SECONDS:.0f} s already:\n{lines}") from None


def listed(problems: list[str]) -> str:
    """Some of them, a line each."""
    more = f"\n  ... and {len(problems) - _LISTED} more" if len(problems) > _LISTED else ""
    return f"{len(problems)} problems:\n  " + "\n  ".join(problems[:_LISTED]) + more


@asynccontextmanager
async def checked(
    hotels: Sequence[Hotel],
    address: Callable[[], Address],
    database_url: Callable[[], str],
    *,
    guests: int = 2,
    cooks: int = 2,
    pace: float = 0.4,
    token: Callable[[Principal], str] = token_of,
    patience: float = 3.0,
    within: float = CONVERGED_SECONDS,
) -> AsyncIterator[Load]:
    """A load inside the block, judged at its end. `pace` is the longest pause of each person in seconds,
    `patience` after how many seconds a command is sent again, `within` how soon a screen must be current."""
    load = Load(
        hotels,
        address,
        database_url,
        guests=guests,
        cooks=cooks,
        pace=pace,
        token=token,
        patience=patience,
        within=within,
    )
    try:
        await load.start()
        yield load
        problems = await load.finish()
    finally:
        with suppress(asyncio.CancelledError):
            await load.leave()
    assert not problems, listed(problems)


@asynccontextmanager
async def _connection(url: str) -> AsyncIterator[Connection]:
    connection: Connection = await asyncpg.connect(url, timeout=5, command_timeout=_ANSWER_SECONDS)
    try:
        yield connection
    finally:
        connection.terminate()
