"""What a running hub counts, and that nothing from outside makes it count more things."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING
from uuid import uuid4

import httpx
import msgspec
import pytest
from msgspec import Raw
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Origin, Subprotocol

from hub.db.scope import utc_now
from hub.errors import RateLimited
from hub.log.event import Event, Head, rfc3339
from hub.meters import KINDS
from hub.realtime.handover import RESTARTING
from hub.realtime.protocol import SUBPROTOCOL
from hub.security.limits import Rule
from hub.security.permissions import Kind
from tests.api.conftest import bearer
from tests.faults.watch import soup
from tests.ops.metrics import scraped
from tests.realtime.conftest import head, running
from tests.realtime.peer import peer
from tests.realtime.screens import DEADLINE

if TYPE_CHECKING:
    from typing import Any

    from hub.db.pool import Connection
    from hub.settings import Settings
    from tests.factories import Hotel
    from tests.realtime.conftest import Live


@pytest.fixture(scope="module")
async def live(settings: Settings) -> AsyncIterator[Live]:
    async with running(settings) as hub:
        yield hub


@pytest.fixture
async def web(live: Live) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(live.hub.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://hub") as client:
        yield client


class Since:
    """What has been counted since this was made."""

    def __init__(self, live: Live) -> None:
        self._live = live
        self._before = scraped(live.hub.meters)

    def __call__(self, name: str, **labels: str) -> float:
        return scraped(self._live.hub.meters)(name, **labels) - self._before(name, **labels)

    async def reaches(self, value: float, name: str, **labels: str) -> None:
        await until(lambda: self(name, **labels) == value, lambda: (name, labels, self(name, **labels)))


async def until(condition: Callable[[], bool], why: Callable[[], object] = str) -> None:
    try:
        async with asyncio.timeout(DEADLINE):
            while not condition():  # noqa: ASYNC110 - nothing tells of a number
                await asyncio.sleep(0.01)
    except TimeoutError:
        raise AssertionError(why()) from None


async def test_an_order_on_its_way(live: Live, hotel: Hotel, admin: Connection) -> None:
    since = Since(live)
    async with live.screen(hotel.tablet()) as guest, live.screen(hotel.kitchen()) as one:
        async with live.screen(hotel.kitchen(1)) as two:
            for kind, count in (("tablet", 1), ("kitchen", 2), ("staff", 0)):
                assert since("hub_sessions", kind=kind) == count
            await guest.command("order.place", lines=soup(hotel))
            for screen in (guest, one, two):
                await screen.reach(await head(admin, hotel))
        await since.reaches(1, "hub_sessions", kind="kitchen")
    await since.reaches(0, "hub_sessions", kind="tablet")
    assert since("hub_handshakes_total", outcome="accepted") == 3
    assert since("hub_closes_total", code="client") == 3
    assert since("hub_join_seconds_count", way="snapshot") == 3
    assert since("hub_command_seconds_count", command="order.place", outcome="ok") == 1
    # two kitchens and the guest; the soup's stock may be an event of its own
    assert since("hub_deliveries_total") >= 3
    events = since("hub_fan_out_seconds_count")
    assert events == since("hub_commit_to_frame_seconds_count") > 0
    assert 0 < since("hub_fan_out_seconds_sum") < since("hub_commit_to_frame_seconds_sum") < DEADLINE * events
    await until(lambda: since("hub_relay_lag_seconds_count") >= events)


async def test_an_order_that_nobody_sees(live: Live, hotel: Hotel, admin: Connection) -> None:
    """And an address that cannot be told, because its secret was sealed by nobody."""
    since = Since(live)
    await admin.execute(
        "INSERT INTO app.webhooks (tenant_id, url, secret_encrypted, events)"
        " VALUES ($1, 'https://hooks.example', 'v1:x', '{order.paged}')",
        hotel.tenant_id,
    )
    async with live.screen(hotel.tablet()) as guest:
        await guest.command("order.place", lines=soup(hotel))
    await admin.execute(
        "UPDATE app.orders SET created_at = now() - interval '1 hour' WHERE tenant_id = $1", hotel.tenant_id
    )
    for step in ("unseen", "hook", "chime", "page"):
        await since.reaches(1, "hub_order_alerts_total", step=step)
    await since.reaches(1, "hub_hook_attempts_total", kind="order.paged", outcome="internal")


async def test_what_the_process_says_of_itself(live: Live) -> None:
    now = scraped(live.hub.meters)
    assert now("hub_workers") == now("hub_relay_active") == now("hub_worker_starts_total") == 1
    assert now.total("hub_build_info") == 1
    assert now("hub_broker_connected", worker="0") == 1
    assert now("hub_limits_alone", worker="0") == 0
    assert now("hub_process_resident_memory_bytes", worker="0") > 2**24
    assert 3 < now("hub_process_open_fds", worker="0") < now("hub_process_max_fds", worker="0")
    assert now("hub_process_cpu_seconds_total", worker="0") > 0
    assert now("hub_heads_age_seconds") < DEADLINE
    await until(lambda: scraped(live.hub.meters)("hub_event_loop_lag_seconds_count") > 0)


async def test_pools(live: Live, hotel: Hotel) -> None:
    since = Since(live)
    pools = live.hub.meters._parts.pools
    pool = pools["admin"]  # of one connection
    async with pool.acquire():
        waiting = asyncio.create_task(pool.fetchval("SELECT 1"))
        await since.reaches(1, "hub_database_waiting", pool="admin")
        assert scraped(live.hub.meters)("hub_database_connections", pool="admin", state="in_use") == 1
    await waiting
    assert since("hub_database_waiting", pool="admin") == 0
    assert since("hub_database_acquire_seconds_count", pool="admin") == 2
    now = scraped(live.hub.meters)
    assert now("hub_database_connections", pool="admin", state="idle") == 1
    assert now("hub_database_connections_max", pool="api") == pools["api"].get_max_size()


async def test_streams(live: Live, hotel: Hotel) -> None:
    since = Since(live)
    url = f"http://{live.host}:{live.port}/api/v1/events"
    headers = bearer(hotel.kitchen()) | {"Accept": "text/event-stream"}
    async with (
        httpx.AsyncClient(trust_env=False) as client,
        client.stream("GET", url, headers=headers) as answer,
    ):
        assert answer.status_code == 200
        await since.reaches(1, "hub_streams")
        await since.reaches(1, "hub_sessions", kind="kitchen")
    await since.reaches(0, "hub_streams")
    await since.reaches(0, "hub_sessions", kind="kitchen")


async def test_joins_that_go_on(live: Live, hotel: Hotel, admin: Connection) -> None:
    async with peer(live) as first:
        await first.hello(hotel.kitchen())
        epoch = (await first.until("position"))["epoch"]
    seq = await head(admin, hotel)
    async with live.screen(hotel.tablet()) as guest:
        await guest.command("order.place", lines=soup(hotel))
        await guest.reach(await head(admin, hotel))
    behind = await head(admin, hotel) - seq
    assert behind > 0
    since = Since(live)
    async with peer(live) as again:
        await again.hello(hotel.kitchen(), since={"epoch": epoch, "seq": seq})
    assert since("hub_join_seconds_count", way="replay") == 1
    assert since("hub_replayed_events_total") == behind
    async with peer(live) as again:
        await again.hello(hotel.kitchen(), since={"epoch": epoch, "seq": seq + behind})
    assert since("hub_join_seconds_count", way="nothing") == 1
    assert since("hub_join_seconds_count", way="snapshot") == 0


async def test_gaps_that_were_filled(live: Live, hotel: Hotel, admin: Connection) -> None:
    since = Since(live)
    async with live.screen(hotel.kitchen()) as kitchen, live.screen(hotel.tablet()) as guest:
        feeds = live.hub.node._by_channel
        (channel,) = [name for name, feed in feeds.items() if feed.tenant_id == hotel.tenant_id]
        feed = feeds.pop(channel)  # what the broker brings finds nobody
        await guest.command("order.place", lines=soup(hotel))
        await kitchen.reach(await head(admin, hotel))
        feeds[channel] = feed
    assert since("hub_filled_events_total") > 0


async def test_goodbyes_by_code(live: Live, hotel: Hotel) -> None:
    since = Since(live)
    async with peer(live) as stranger:
        await stranger.send({"type": "hello", "token": "nonsense"})
        assert (await stranger.end()).code == 4500
    async with peer(live) as guest:
        await guest.hello(hotel.tablet())
        await guest.send("{")
        assert (await guest.end()).code == 4501
    for code, count in (("4500", 1), ("4501", 1), ("client", 0)):
        assert since("hub_closes_total", code=code) == count


@pytest.mark.parametrize(
    ("outcome", "status", "more"),
    [
        ("protocol", 403, {"subprotocols": [Subprotocol("graphql-ws")]}),
        ("origin", 403, {"origin": Origin("https://evil.example")}),
        ("crowded", 503, {}),
        ("draining", 503, {}),
    ],
)
async def test_handshakes_that_were_refused(
    live: Live,
    outcome: str,
    status: int,
    more: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr("hub.realtime.admission.Admission.wait", lambda self: float(outcome == "crowded"))
    monkeypatch.setattr(live.hub.node, "closed", RESTARTING if outcome == "draining" else None)
    since = Since(live)
    with pytest.raises(InvalidStatus) as caught:
        await connect(
            f"ws://{live.host}:{live.port}/ws", **{"subprotocols": [Subprotocol(SUBPROTOCOL)], **more}
        )
    assert caught.value.response.status_code == status
    assert since("hub_handshakes_total", outcome=outcome) == 1
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []
    assert since("hub_handshakes_total", outcome="accepted") == 0


async def test_commands_by_outcome(live: Live, hotel: Hotel, web: httpx.AsyncClient) -> None:
    since = Since(live)
    async with peer(live) as guest:
        await guest.hello(hotel.tablet())
        await guest.ask("order.place", {"lines": []})
        await guest.ask("order.destroy")
        await guest.ask("order.destroy.twice")
    assert since("hub_command_seconds_count", command="order.place", outcome="invalid_input") == 1
    assert since("hub_command_seconds_count", command="unknown", outcome="unknown_command") == 2
    # over HTTP it is the same command
    await web.post(
        "/api/v1/orders",
        json={"lines": []},
        headers=bearer(hotel.tablet()) | {"Idempotency-Key": str(uuid4())},
    )
    assert since("hub_command_seconds_count", command="order.place", outcome="invalid_input") == 2


async def test_requests_by_template(live: Live, hotel: Hotel, web: httpx.AsyncClient) -> None:
    since = Since(live)
    kitchen = bearer(hotel.kitchen())
    for url, times in (
        (f"/api/v1/orders/{uuid4()}", 3),
        ("/nowhere", 2),
        ("/tablet", 1),
        ("/static/hub.js", 1),
    ):
        for _ in range(times):
            await web.get(url, headers=kitchen)
    await web.request("BREW", "/tablet")
    counted = {
        ("/api/v1/orders/{order_id}", "GET", "4xx"): 3,
        ("unmatched", "GET", "4xx"): 2,
        ("/tablet", "GET", "2xx"): 1,
        ("/static", "GET", "2xx"): 1,
        ("/tablet", "other", "4xx"): 1,
    }
    for (route, method, status), count in counted.items():
        assert since("hub_http_requests_total", route=route, method=method, status=status) == count, route
    assert since("hub_http_request_seconds_count", route="/tablet", method="GET") == 1


async def test_refusals_of_limits_and_passwords(live: Live) -> None:
    since = Since(live)
    limiter = live.hub.meters._parts.services.limiter
    refused = 0
    for _ in range(20):
        try:
            await limiter.hit(Rule.MAIL_ACCOUNT, "somebody")
        except RateLimited:
            refused += 1
    assert refused
    assert since("hub_limit_refusals_total", rule="mail_account") == refused
    assert since("hub_limit_refusals_total", rule="ip") == 0
    passwords = live.hub.office.passwords
    many = [asyncio.create_task(passwords.verify("wrong", None)) for _ in range(passwords._most + 5)]
    await since.reaches(5, "hub_password_refusals_total")
    assert since("hub_password_line") > 0
    for one in many:
        one.cancel()
    await asyncio.gather(*many, return_exceptions=True)
    await since.reaches(0, "hub_password_line")


async def test_every_kind_of_principal_is_shown() -> None:
    assert set(msgspec.json.schema(Kind)["enum"]) == set(KINDS)


async def test_nothing_from_outside_makes_more_series(
    live: Live, hotel: Hotel, web: httpx.AsyncClient
) -> None:
    """Unknown addresses, methods, commands and thousands of hotels: numbers grow, and stay as many."""

    async def storm(times: int) -> None:
        for number in range(times):
            await web.request(f"M{number}X", f"/{uuid4()}")
            await web.get(f"/static/{uuid4()}.js")
            await web.get(f"/api/v1/orders/{uuid4()}?q={uuid4()}", headers=bearer(hotel.kitchen()))
        async with peer(live) as guest:
            await guest.hello(hotel.tablet())
            for number in range(times):
                await guest.ask(f"order.{uuid4().hex}"[: 10 + number % 50])
        for _ in range(20 * times):
            feed = await live.hub.node.feed(uuid4())
            feed.observe(Head(feed.tenant_id, uuid4(), 0), -1)
            assert feed.epoch is not None
            feed.receive(
                Event(feed.tenant_id, feed.epoch, 1, "order", ("x",), Raw(b"{}"), rfc3339(utc_now()))
            )
            await live.hub.meters._parts.services.limiter.hit(Rule.TENANT, feed.tenant_id)

    await storm(1)
    before = scraped(live.hub.meters)
    await storm(100)
    after = scraped(live.hub.meters)
    assert after.samples.keys() == before.samples.keys()
    assert after.total("hub_http_requests_total") == before.total("hub_http_requests_total") + 300
    strange = {text for name, labels in after.samples for _, text in labels if len(text) > 40}
    assert strange == set()
