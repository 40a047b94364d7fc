"""One scrape shows all workers of a service, whichever of them answers."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import httpx
import msgspec
import pytest

from hub.errors import SettingError
from hub.serve import serving
from hub.settings import Settings
from hub.web.listener import bind, bind_metrics
from tests.faults.fleet import Fleet, Member
from tests.faults.test_workers import until_workers
from tests.faults.watch import screen, soup
from tests.ops.metrics import Scrape
from tests.realtime.conftest import head
from tests.realtime.screens import DEADLINE

if TYPE_CHECKING:
    from hub.db.pool import Connection
    from tests.factories import Hotel

pytestmark = pytest.mark.faults
TOKEN = "the-token-of-these-tests"
SCREENS = 12


class Reader:
    """Prometheus, as far as it asks; what it reads may grow and never shrink."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client
        self._last: Scrape | None = None

    async def read(self) -> Scrape:
        """The next answer. A worker that is killed may take the question along."""
        while True:
            try:
                answer = await self._client.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
            except httpx.TransportError:
                continue
            assert answer.status_code == 200, answer.text
            now = Scrape(answer.text)
            if self._last is not None:
                shrunk = {
                    sample
                    for sample, value in self._last.growing().items()
                    if now.samples.get(sample, 0) < value
                }
                assert not shrunk
            self._last = now
            return now

    async def until(self, condition: Callable[[Scrape], bool]) -> Scrape:
        """The first answer of which that is true."""
        try:
            async with asyncio.timeout(DEADLINE):
                while not condition(now := await self.read()):  # noqa: ASYNC110 - it is over there
                    await asyncio.sleep(0.02)
                return now
        except TimeoutError:
            raise AssertionError(self._last.samples if self._last else "no answer") from None


@pytest.fixture
def port() -> int:
    """One that is free."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        number: int = probe.getsockname()[1]
        return number


@pytest.fixture
def team(settings: Settings, port: int) -> Iterator[Member]:
    """A supervisor with two workers."""
    names = {"HUB_WORKERS": "2", "HUB_METRICS_PORT": str(port), "HUB_METRICS_TOKEN": TOKEN}
    with Fleet(settings, 1, **names) as fleet:
        yield fleet.members[0]


@pytest.fixture
async def reader(port: int) -> AsyncIterator[Reader]:
    # a connection for each question, so that both workers are asked
    limits = httpx.Limits(max_keepalive_connections=0)
    async with httpx.AsyncClient(
        base_url=f"http://127.0.0.1:{port}", trust_env=False, limits=limits
    ) as client:
        yield Reader(client)


async def test_the_figures_of_all_workers(
    team: Member, reader: Reader, hotel: Hotel, admin: Connection
) -> None:
    pids = await until_workers(admin, lambda found: len(found) == 2)
    await reader.until(lambda now: now("hub_workers") == 2)
    principals = await hotel.more_kitchens(admin, SCREENS)
    async with AsyncExitStack() as stack:
        kitchens = [await stack.enter_async_context(screen(one, team.address)) for one in principals]
        before = await reader.until(lambda now: now("hub_sessions", kind="kitchen") == SCREENS)
        assert before("hub_handshakes_total", outcome="accepted") == SCREENS
        async with screen(hotel.tablet(), team.address) as guest:
            await guest.command("order.place", lines=soup(hotel))
            for one in kitchens:
                await one.reach(await head(admin, hotel))
        # every kitchen and the guest, whichever worker each of them is with
        now = await reader.until(lambda now: now("hub_deliveries_total") >= SCREENS + 1)
        assert now("hub_command_seconds_count", command="order.place", outcome="ok") == 1
        assert now.total("hub_relay_active") == 1
        assert now.labels("hub_process_resident_memory_bytes", "worker") == {"0", "1"}

        os.kill(min(pids), signal.SIGKILL)
        alone = await reader.until(lambda now: now("hub_workers") == 1)
        assert len(alone.labels("hub_process_resident_memory_bytes", "worker")) == 1
        assert alone("hub_sessions", kind="kitchen") <= SCREENS
        assert alone("hub_deliveries_total") >= now("hub_deliveries_total")
        after = await reader.until(lambda now: now("hub_workers") == 2)
        assert after("hub_worker_starts_total") == 3
        assert after.labels("hub_process_resident_memory_bytes", "worker") == {"0", "1"}
        assert after("hub_deliveries_total") >= now("hub_deliveries_total")
        # those that were thrown off have come back, and none is counted twice
        await reader.until(lambda now: now("hub_sessions", kind="kitchen") == SCREENS)


async def test_one_process_has_them_too(settings: Settings) -> None:
    """On a socket of its own, with the token, and not where the guests are."""
    alone = msgspec.structs.replace(settings, metrics_port=0, metrics_token=TOKEN)
    listener, metrics = bind(alone), bind_metrics(alone)
    assert metrics is not None
    async with AsyncExitStack() as stack:
        stack.callback(listener.close)
        await stack.enter_async_context(serving(alone, listener, metrics=metrics))
        client = await stack.enter_async_context(httpx.AsyncClient(trust_env=False))
        url = "http://{}:{}/metrics".format(*metrics.getsockname())
        assert (await client.get(url)).status_code == 401
        answer = await client.get(url, headers={"Authorization": f"Bearer {TOKEN}"})
        assert Scrape(answer.text)("hub_workers") == 1
        public = "http://{}:{}/metrics".format(*listener.getsockname())
        assert (await client.get(public, headers={"Authorization": f"Bearer {TOKEN}"})).status_code == 404


def test_a_port_that_is_taken(port: int) -> None:
    settings = Settings(database_url="postgresql://db/hub")
    taken = msgspec.structs.replace(settings, metrics_port=port)
    with socket.create_server(("127.0.0.1", port)), pytest.raises(SettingError, match="HUB_METRICS_PORT"):
        bind_metrics(taken)
    assert bind_metrics(settings) is None
