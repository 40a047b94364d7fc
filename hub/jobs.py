"""What the process that leads does for all hotels, on connections of its own: a job that hangs must not look
like a database that is away."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager, closing
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from hub.db.pool import Role, create_pool
from hub.devices.silence import Silence
from hub.hooks.client import Client, Names
from hub.hooks.courier import Courier
from hub.ops.appointments import COMEBACKS, PAGES, Appointments
from hub.ops.ladder import Ladder
from hub.ops.retention import Kept, Retention

if TYPE_CHECKING:
    from hub.db.watched import Watched
    from hub.services import Services
    from hub.settings import Settings

CONNECTIONS: Final = 2


class Jobs(Struct, frozen=True):
    """`parts` are to be run, by their names."""

    pool: Watched
    ladder: Ladder
    courier: Courier
    parts: dict[str, Coroutine[None, None, None]]


@asynccontextmanager
async def open_jobs(
    settings: Settings,
    services: Services,
    clock: Callable[[], datetime],
    *,
    leads: Callable[[], Awaitable[object]],
    serves: Callable[[], bool],
    close: Callable[[Watched], Awaitable[None]],
) -> AsyncIterator[Jobs]:
    """`leads` waits until this process is the one that shall do them, `serves` says that it is and has its
    database. Raises SettingError and Unavailable."""
    kept = Kept(
        events=timedelta(days=settings.events_days),
        operations=timedelta(hours=settings.operations_hours),
        sign_ins=timedelta(days=settings.sign_in_days),
        deliveries=timedelta(days=settings.deliveries_days),
        guests=timedelta(days=settings.guest_data_days),
        audit_months=settings.audit_months,
    )
    pool = await create_pool(settings, Role.RELAY, CONNECTIONS)
    try:
        with closing(Names()) as names:
            client = Client(names.look, private=settings.webhook_private)
            courier = Courier(pool, services.database, services.vault, client, services.mailer, leads)
            ladder = Ladder(pool, leads, letters=services.mailer is not None, sent=courier.hurry)
            retention = Retention(pool, leads, clock, kept=kept, every_seconds=settings.retention_seconds)
            parts = {
                "silence": Silence(pool, serves, clock).run(),
                "retention": retention.run(),
                "comebacks": Appointments(pool, leads, COMEBACKS).run(),
                "pages": Appointments(pool, leads, PAGES).run(),
                "ladder": ladder.run(),
                "courier": courier.run(),
            }
            yield Jobs(pool, ladder, courier, parts)
    finally:
        await close(pool)
