"""Carries out what waits to be delivered: to the hotels' addresses, and letters to their managers.

What waits stands in the database, written together with what it tells of. One process of the fleet carries it
out, the one that is the relay; whoever dies on the way has lost nothing, because what was taken is given out
again after a while. So everything arrives at least once, and whoever gets it knows a repeat by its id.

Each addressee gets one message at a time, the oldest first; those who fail again and again are left alone for
a while, and nobody waits for them.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final
from uuid import UUID

import msgspec
from msgspec import Struct

from hub.db.commit import write
from hub.db.ids import uuid7
from hub.db.pool import DATABASE_ERRORS
from hub.db.queries import load
from hub.db.scope import Actor, utc_now
from hub.errors import HubError, InvalidInput, Unavailable
from hub.hooks import letters, signing, store
from hub.hooks.client import Answer
from hub.hooks.pace import Circuits, next_try

if TYPE_CHECKING:
    from hub.db.database import Database
    from hub.db.pool import Pool
    from hub.db.scope import Scope
    from hub.hooks.client import Client
    from hub.security.vault import Vault
    from hub.staff.mail import Letter, Mailer

CLAIM_DELIVERIES: Final = load("hooks")["claim_deliveries"]

# What nobody has told of is found by looking.
_LOOK_SECONDS: Final = 1.0
# Addressees at once; of letters fewer, because the mail server is one for all.
_MOST: Final = 32
_MOST_LETTERS: Final = 4
# Of one hotel: whoever answers slowly leaves most places to others. Letters all wait for the same server.
_SHARE: Final = 4
# Longer than an attempt takes, with the writing down of what became of it.
_LEASE: Final = timedelta(seconds=20)
_LETTER_LEASE: Final = timedelta(seconds=60)
# Trying again would not help.
_FINAL: Final = frozenset({"not_wanted", "bad_mailbox"})
_log = logging.getLogger(__name__)


class Waiting(Struct, frozen=True):
    """A delivery that was taken; one of the two ids says to whom it goes."""

    tenant_id: UUID
    id: UUID
    webhook_id: UUID | None
    staff_id: UUID | None
    kind: str
    payload: str
    attempts: int
    created_at: datetime

    @property
    def addressee(self) -> UUID:
        found = self.webhook_id or self.staff_id
        if found is None:
            raise RuntimeError("a delivery to nobody")
        return found


class _Way(Struct):
    """Letters, or all else: how many at once, how many of one hotel, for how long each is taken, and who gets
    one at the moment."""

    letters: bool
    most: int
    share: int
    lease: timedelta
    tasks: dict[UUID, asyncio.Task[None]] = {}
    hotels: dict[UUID, UUID] = {}  # of those who get one at the moment


class Courier:
    """`pool` connects as hub_relay, `database` as hub_api. `leads` waits until this process is the one that
    shall deliver. `mailer` is None where no letters can be sent. `outcomes` counts attempts by kind and
    outcome: `delivered`, or the fault."""

    def __init__(
        self,
        pool: Pool,
        database: Database,
        vault: Vault,
        client: Client,
        mailer: Mailer | None,
        leads: Callable[[], Awaitable[object]],
    ) -> None:
        self.outcomes: Counter[tuple[str, str]] = Counter()
        self._pool = pool
        self._database = database
        self._vault = vault
        self._client = client
        self._mailer = mailer
        self._leads = leads
        self._work = asyncio.Event()
        self._circuits = Circuits()
        self._ways = [_Way(letters=False, most=_MOST, share=_SHARE, lease=_LEASE)]
        if mailer is not None:
            most = _MOST_LETTERS
            self._ways.append(_Way(letters=True, most=most, share=most, lease=_LETTER_LEASE))

    def hurry(self) -> None:
        """There may be something to deliver."""
        self._work.set()

    async def run(self) -> None:
        """Serve until cancelled."""
        try:
            while True:
                await self._leads()
                self._work.clear()
                try:
                    await self._take()
                except DATABASE_ERRORS as error:
                    _log.warning("nothing is delivered now", extra={"reason": type(error).__name__})
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_LOOK_SECONDS):
                        await self._work.wait()
        finally:
            tasks = [task for way in self._ways for task in way.tasks.values()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _take(self) -> None:
        """Begin with what is due and has room."""
        resting = self._circuits.closed(time.monotonic())
        for way in self._ways:
            room = way.most - len(way.tasks)
            if room <= 0:
                continue
            rows = await write(
                self._pool,
                CLAIM_DELIVERIES,
                way.letters,
                list(way.tasks),
                resting,
                list(way.hotels.values()),
                way.share,
                room,
                way.lease,
            )
            for row in rows:
                one = Waiting(**row)
                way.hotels[one.addressee] = one.tenant_id
                way.tasks[one.addressee] = asyncio.create_task(self._deliver(one, way))

    async def _deliver(self, one: Waiting, way: _Way) -> None:
        try:
            answer = await self._attempt(one)
            self.outcomes[one.kind, answer.fault or "delivered"] += 1
            await self._note(one, answer)
        except (*DATABASE_ERRORS, HubError) as error:
            # It is given out again when its lease is over.
            _log.warning("a delivery is left for later", extra=_named(one) | {"reason": type(error).__name__})
        finally:
            del way.tasks[one.addressee], way.hotels[one.addressee]
            self._work.set()

    async def _attempt(self, one: Waiting) -> Answer:
        try:
            return await (self._write(one) if one.webhook_id is None else self._post(one, one.webhook_id))
        except (*DATABASE_ERRORS, Unavailable):
            raise
        except Exception as error:  # noqa: BLE001 - what is wrong with one message holds up no other
            _log.error("a delivery cannot be made", extra=_named(one) | {"reason": type(error).__name__})
            return Answer(fault="internal")

    async def _post(self, one: Waiting, webhook_id: UUID) -> Answer:
        async with self._read(one) as scope:
            row = await scope.fetchrow(store.ADDRESSEE, one.tenant_id, webhook_id)
            if row is None:
                return Answer(fault="not_wanted")
            secret = await self._vault.open(
                scope, "webhooks", "secret_encrypted", webhook_id, row["secret_encrypted"]
            )
        body = one.payload.encode()
        headers = signing.headers(secret, str(one.id), int(utc_now().timestamp()), body)
        return await self._client.post(one.tenant_id, row["url"], headers, body)

    async def _write(self, one: Waiting) -> Answer:
        letter = await self._letter(one)
        if letter is None or self._mailer is None:
            return Answer(fault="not_wanted")
        try:
            await self._mailer.send(letter)
        except InvalidInput:
            return Answer(fault="bad_mailbox")
        except Unavailable as error:
            _log.warning("a letter is tried again later", extra=_named(one) | {"reason": error.message})
            return Answer(fault="mail_server")
        return Answer()

    async def _letter(self, one: Waiting) -> Letter | None:
        """None when there is nobody to read it any more."""
        async with self._read(one) as scope:
            row = await scope.fetchrow(store.READER, one.tenant_id, one.staff_id)
            if row is None or one.staff_id is None:
                return None
            to = await self._vault.shown(scope, "staff", "email_encrypted", one.staff_id, row["email"])
        if to is None:
            return None
        told = msgspec.json.decode(one.payload, type=letters.Message).data
        return letters.compose(
            told,
            locale=row["locale"],
            time_zone=row["time_zone"],
            hotel=row["hotel"],
            name=row["name"],
            to=to,
        )

    async def _note(self, one: Waiting, answer: Answer) -> None:
        """Write down what became of it, and when it is tried again."""
        good = answer.fault is None
        again = None
        if not good and answer.fault not in _FINAL and one.kind != "webhook.test":
            again = next_try(one.attempts, one.created_at, utc_now())
        if good:
            recovered = self._circuits.succeeded(one.addressee)
        else:
            recovered = False
            self._circuits.failed(one.addressee, time.monotonic())
            told = {"fault": answer.fault, "status": answer.status, "attempts": one.attempts}
            _log.warning("not delivered", extra=_named(one) | told | {"again": again is not None})

        async def work(scope: Scope) -> None:
            if good:
                await store.delivered(scope, one.id, answer)
            else:
                await store.not_delivered(scope, one.id, answer, again)
            if recovered and one.webhook_id is not None:
                await scope.execute(store.HURRY, one.tenant_id, one.webhook_id)

        await self._database.transaction(one.tenant_id, _actor(), work, idempotent=True)

    def _read(self, one: Waiting) -> contextlib.AbstractAsyncContextManager[Scope]:
        return self._database.read(one.tenant_id, _actor())


def _actor() -> Actor:
    return Actor(user_id=None, role="courier", request_id=uuid7())


def _named(one: Waiting) -> dict[str, object]:
    return {"tenant": str(one.tenant_id), "delivery": str(one.id), "kind": one.kind}
