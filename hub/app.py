"""The composition root: builds one process of the hub from its settings and connects the parts that do not
know each other. Nothing imports this but the command line."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from msgspec import Raw, Struct
from starlette.routing import WebSocketRoute

from hub.db.migrate import check_schema
from hub.db.pool import Role, connect, create_pool
from hub.db.position import Trail, trail
from hub.db.reach import Reach
from hub.db.replicas import Replicas
from hub.db.scope import utc_now
from hub.devices.doorman import Doorman
from hub.devices.presence import Presence
from hub.errors import SettingError
from hub.jobs import CONNECTIONS, open_jobs
from hub.log.event import Page, State, rfc3339
from hub.log.store import Log
from hub.meters import Desk, Meters, Parts
from hub.ops import health
from hub.realtime import stream_routes
from hub.realtime.admission import Admission
from hub.realtime.broker import Broker, BrokerDown, Channels, MemoryBroker, NoBroker
from hub.realtime.doors import Doors
from hub.realtime.endpoint import Endpoint
from hub.realtime.handover import CUT_OFF, RESTARTING, Handover, send_away
from hub.realtime.heartbeat import Heartbeat
from hub.realtime.join import Past
from hub.realtime.marks import Marks
from hub.realtime.node import Node
from hub.realtime.redis_broker import RedisBroker
from hub.realtime.relay import Relay
from hub.realtime.shelf import open_shelf
from hub.realtime.states import States
from hub.realtime.stream_routes import Streams
from hub.security.keyring import Keyring
from hub.security.limits import Limiter, Rule
from hub.security.positions import Positions
from hub.security.sealing import MasterKeys, derived
from hub.security.tokens import Tokens
from hub.services import SOCKET, Pools, build, http_routes, topics_of
from hub.settings import Settings
from hub.web.requests import Requests
from hub.web.site import site

if TYPE_CHECKING:
    from starlette.applications import Starlette

    from hub.security.principal import Principal
    from hub.staff.mail import Mailer
    from hub.staff.office import Office

# Beside the pool of hub_api, each process holds: two for heads, by which it also knows that the database is
# there, those of the jobs, one for the relay, one to look up codes, one for super-admins.
_HEADS: Final = 2
_OTHERS: Final = _HEADS + CONNECTIONS + 1 + 1 + 1
# More than this on one process only queue inside PostgreSQL.
_MOST: Final = 16
# A part that writes its last words may take so long before it is cancelled again.
_CANCEL_SECONDS: Final = 3.0
# A node that could not compare heads for so many intervals no longer tells its screens that they are live.
_BLIND_AFTER: Final = 3
_log = logging.getLogger(__name__)


class Hub(Struct, frozen=True):
    """One running process of the hub; `app` is what an ASGI server serves."""

    app: Starlette
    node: Node
    past: Past
    relay: Relay
    health: health.Health
    failed: asyncio.Future[None]
    settings: Settings
    office: Office
    meters: Meters

    async def drain(self) -> None:
        """Say goodbye to all sessions in batches, with spread moments to come back, and wait for them."""
        self.health.drain()
        self.node.closed = RESTARTING
        seconds, retry_ms = self.settings.drain_seconds, self.settings.retry_ms
        await send_away(self.node, RESTARTING, seconds=seconds / 2, retry_ms=retry_ms)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds / 2):
                await self.node.emptied()


def pool_size(settings: Settings) -> int:
    """Connections of hub_api in each process. Raises SettingError when the budget is too small."""
    size = settings.db_connections // settings.workers - _OTHERS
    if size < 1:
        raise SettingError(
            f"HUB_DB_CONNECTIONS is {settings.db_connections}: {settings.workers} workers need at least "
            f"{settings.workers * (_OTHERS + 1)}.",
            field="HUB_DB_CONNECTIONS",
        )
    return min(size, _MOST)


@asynccontextmanager
async def open_hub(
    settings: Settings,
    *,
    clock: Callable[[], datetime] = utc_now,
    mailer: Mailer | None = None,
    desk: Desk | None = None,
    follows: bool = False,
) -> AsyncIterator[Hub]:
    """Run the parts of one process; they stop at the end of the block. One of several workers has a `desk`.
    One that `follows` is a guest in a fleet: never the relay, and so nothing that the relay's process does.

    Raises SettingError and Unavailable when the process cannot start. `failed` of the hub gets the exception
    of a part that ends on its own, which is a bug: the process should end then.
    """
    loop = asyncio.get_running_loop()
    async with AsyncExitStack() as stack:
        size = pool_size(settings)
        total = settings.workers * (size + _OTHERS)
        api = await create_pool(settings, Role.API, size, total=total)
        _log.info("database connections", extra={"each": size, "total": total})
        stack.push_async_callback(_close, api)
        await check_schema(api)
        heads = await create_pool(settings, Role.RELAY, _HEADS)
        stack.push_async_callback(_close, heads)
        auth = await create_pool(settings, Role.AUTH, 1)
        stack.push_async_callback(_close, auth)

        admin = await create_pool(settings, Role.ADMIN, 1)
        stack.push_async_callback(_close, admin)

        limiter = Limiter(settings)
        stack.push_async_callback(limiter.aclose)
        keyring = Keyring(auth, MasterKeys(settings.master_keys), settings.keys_seconds)
        signing = await keyring.first()
        tokens = Tokens(signing, settings.token_seconds)
        replicas = Replicas(settings, heads, size)
        positions = Positions([derived(key, "positions") for key in settings.master_keys])
        reach = Reach(heads)
        auth.away = lambda: reach.away
        by_role = Pools(api, auth, admin, replicas if settings.replica_url else None, reach)
        services = build(settings, by_role, tokens, limiter, clock=clock, mailer=mailer)
        office = services.office
        stack.push_async_callback(office.passwords.aclose)
        stack.push_async_callback(office.after.aclose)
        database = services.database
        log = Log(database, heads)

        channels = Channels(settings.namespace)
        broker: Broker
        if settings.redis_url is not None:
            marks = Marks([derived(key, "messages") for key in settings.master_keys])
            broker = RedisBroker(settings.redis_url, channels.relay, marks)
            stack.push_async_callback(broker.aclose)
        else:
            # Several processes cannot hear each other without Redis: they compare heads.
            broker = MemoryBroker() if settings.workers == 1 and not follows else NoBroker()
        relay = Relay(lambda: connect(settings, Role.RELAY), broker, channels)

        def brought() -> bool:
            # The broker of one process brings only what its own relay reads.
            return broker.connected and (settings.redis_url is not None or relay.standing.is_set())

        def tell(channel: str) -> Callable[[bytes], Awaitable[None]]:
            async def publish(message: bytes) -> None:
                # Who speaks knows that it may be lost, and says it again.
                with contextlib.suppress(BrokerDown):
                    await broker.publish([(channel, message)])

            return publish

        def replaced(session: UUID) -> None:
            node.replaced(session)

        def hubs(message: bytes) -> None:
            handover.heard(message)

        # However many come back at once, they look at half of the connections: orders need the other half.
        turn = asyncio.Semaphore(max(1, size // 2))

        async def page(tenant_id: UUID, after: int, limit: int) -> Page:
            async with turn:
                return await log.page(tenant_id, after, limit)

        async def state(tenant_id: UUID, anew: bool) -> State:
            async with turn:
                return await log.state(tenant_id, aged=not anew)

        presence = Presence(database, replaced=replaced, tell=tell(channels.sessions))
        node = Node(
            broker,
            brought,
            channels,
            log.heads,
            page,
            heard={channels.sessions: presence.heard, channels.hubs: hubs},
            page_events=settings.replay_page,
            heads_seconds=settings.heads_seconds,
            heads_alone_seconds=settings.heads_alone_seconds,
        )
        stack.push_async_callback(node.aclose)
        handover = Handover(
            node,
            lambda: reach.away,
            tell(channels.hubs),
            site=f"{socket.gethostname()} {os.getppid() if settings.workers > 1 else os.getpid()}",
            sure_seconds=settings.handover_seconds,
            seconds=settings.drain_seconds / 2,
            retry_ms=settings.retry_ms,
        )
        for channel in (channels.sessions, channels.hubs):
            await broker.subscribe(channel)

        def server_time() -> str:
            return rfc3339(clock())

        doorman = Doorman(database, turn)
        stack.push_async_callback(doorman.aclose)

        states = States(
            state,
            clock,
            most_bytes=settings.state_bytes,
            max_events=settings.replay_max_events,
            shelf=open_shelf(settings),
        )
        stack.push_async_callback(states.aclose)
        past = Past(
            page=page,
            state=states.get,
            admit=doorman.admit,
            back=reach.back,
            server_time=server_time,
            page_events=settings.replay_page,
            max_events=settings.replay_max_events,
            lagging_seconds=settings.lagging_seconds,
        )

        def sighted() -> bool:
            return loop.time() - node.heads_checked_at < _BLIND_AFTER * settings.heads_seconds

        heartbeat = Heartbeat(server_time, sighted)

        async def call(name: str, principal: Principal, op_id: UUID | None, args: Raw) -> Raw:
            await limiter.hit(Rule.DEVICE, principal.tenant_id, principal.id)
            await limiter.hit(Rule.TENANT, principal.tenant_id)
            trail.set(Trail())
            return await services.operations.call(name, principal, op_id, args)

        def opened(principal: Principal, session: UUID) -> None:
            # Members of staff look at as many windows as they like.
            if principal.kind != "staff":
                presence.opened(principal.tenant_id, principal.id, session)

        doors = Doors(
            verify=tokens.verify,
            at_home=services.residence.check,
            topics=topics_of,
            call=call,
            opened=opened,
            closed=lambda principal, session: presence.closed(principal.tenant_id, session),
            stranger=services.residence.stranger,
            reached=positions.reached,
        )
        admission = Admission(settings.accepts_per_second, settings.accepts_burst)
        endpoint = Endpoint(node, past, heartbeat, doors, admission, settings)
        stack.push_async_callback(endpoint.aclose)

        async def broker_answers() -> None:
            if not await broker.ping():
                raise ConnectionError("no broker: nodes compare heads instead")

        async def heads_are_read() -> None:
            if not sighted():
                raise TimeoutError("heads were not compared for long")
            if node.closed == CUT_OFF:
                raise ConnectionError(CUT_OFF)

        watch = health.Health(
            [
                health.Check("database", database.ping),
                health.Check("heads", heads_are_read),
                health.Check("broker", broker_answers, required=False),
                health.Check("disk", database.has_room, required=False),
                *([health.Check("replicas", replicas.answer, required=False)] if replicas.each else []),
            ]
        )
        streams = Streams(endpoint.house, admission)
        routes = [*http_routes(services, watch), stream_routes.route(services.gate, streams.answer)]
        requests = Requests()
        app = site(
            [*routes, WebSocketRoute(SOCKET.path, endpoint)],
            limiter=limiter,
            requests=requests,
            positions=positions if replicas.each else None,
        )

        failed: asyncio.Future[None] = loop.create_future()
        jobs = await stack.enter_async_context(
            open_jobs(
                settings,
                services,
                clock,
                leads=relay.standing.wait,
                serves=lambda: relay.standing.is_set() and not reach.away,
                close=_close,
            )
        )
        jobs.pool.away = lambda: reach.away
        pools = {"api": api, "heads": heads, "jobs": jobs.pool, "auth": auth, "admin": admin}
        counted = Parts(node, broker, relay, services, requests, pools, replicas, jobs.ladder, jobs.courier)
        meters = Meters(counted, desk)
        parts = {
            "reach": reach.run(),
            "node": node.run(),
            "broker": broker.run(node),
            # Where a guest stands nobody's clients can go, so it does not answer the others either.
            **({} if follows else {"relay": relay.run(), "handover": handover.run()}),
            "heartbeat": heartbeat.run(),
            "endpoint": endpoint.run(),
            "presence": presence.run(),
            **jobs.parts,
            "keys": keyring.run(signing, tokens.replace),
            "meters": meters.run(),
            **(replicas.parts() if replicas.each else {}),
        }
        if office.outbox is not None:
            parts["outbox"] = office.outbox.run()
        tasks = [asyncio.create_task(part, name=name) for name, part in parts.items()]
        for task in tasks:
            task.add_done_callback(lambda task: part_ended(task, failed))
        stack.push_async_callback(_stop, tasks)
        yield Hub(app, node, past, relay, watch, failed, settings, office, meters)


def part_ended(task: asyncio.Task[None], failed: asyncio.Future[None], *, wanted: bool = False) -> None:
    """A part of the process has ended; unless that was `wanted`, the process has failed."""
    if task.cancelled() or wanted:
        return
    error = task.exception() or RuntimeError(f"{task.get_name()} ended by itself")
    _log.critical("a part of the hub failed", exc_info=error, extra={"part": task.get_name()})
    if not failed.done():
        failed.set_exception(error)


async def _stop(tasks: list[asyncio.Task[None]]) -> None:
    pending = set(tasks)
    while pending:
        # More than once: libraries swallow a cancellation that comes while they connect.
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=_CANCEL_SECONDS)
    await asyncio.gather(*tasks, return_exceptions=True)


async def _close(pool: Any) -> None:
    try:
        async with asyncio.timeout(2):
            await pool.close()
    except TimeoutError:
        pool.terminate()
