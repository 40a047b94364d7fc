"""Two hubs on a primary and a replica: screens join on states of the replica, and whoever changes something
sees it wherever it asks next."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING, Any, Final

import httpx
import msgspec
import pytest

from tests.database.replicated import NAME, prepared
from tests.factories import Hotel, make_hotel
from tests.faults.watch import until_ready
from tests.pg_servers import PgCluster, pg_cluster
from tests.realtime.conftest import Live, running
from tests.realtime.peer import peer
from tests.realtime.screens import token_of
from tests.realtime.test_stays import order

if TYPE_CHECKING:
    from hub.settings import Settings

POSITION: Final = "Hub-Position"


@pytest.fixture(scope="module")
def cluster() -> Iterator[PgCluster]:
    with pg_cluster(replicas=1) as made:
        yield made


@pytest.fixture(scope="module")
async def settings(cluster: PgCluster) -> Settings:
    # so that no replica is left out for lagging while a test holds it back
    return await prepared(cluster, replica_lag_seconds=120.0)


@pytest.fixture
async def two(settings: Settings) -> AsyncIterator[tuple[Live, Live]]:
    async with running(settings) as one, running(settings, relay=False) as other:
        for live in (one, other):
            await until_ready((live.host, live.port), 200, "ready")
        yield one, other


@pytest.fixture
async def hotel(cluster: PgCluster) -> AsyncIterator[Hotel]:
    """One whose later orders the replica does not show."""
    async with cluster.primary.connect(NAME) as admin:
        made = await make_hotel(admin)
    await cluster.caught_up()
    await cluster.replicas[0].pause_replay()
    yield made
    await cluster.replicas[0].resume_replay()
    await cluster.caught_up()


class Client:
    """HTTP of one hub, as a kitchen; it sends the position that it is told to send."""

    def __init__(self, live: Live, hotel: Hotel) -> None:
        self._base = f"http://{live.host}:{live.port}/api/v1"
        self._hotel = hotel

    async def orders(self, position: str | None = None) -> set[str]:
        headers = {"Authorization": f"Bearer {token_of(self._hotel.kitchen())}"}
        async with httpx.AsyncClient() as client:
            answer = await client.get(
                f"{self._base}/orders", headers=headers | ({} if position is None else {POSITION: position})
            )
        assert answer.status_code == 200, answer.text
        assert POSITION not in answer.headers, "a reader changes nothing"
        return {one["id"] for one in answer.json()["orders"]}

    async def place(self) -> tuple[str, str | None]:
        """The id of a new order, and the position that the hub has told."""
        key = "018f0000-0000-7000-8000-000000000001"
        headers = {"Authorization": f"Bearer {token_of(self._hotel.tablet())}", "Idempotency-Key": key}
        body: dict[str, Any] = {"lines": [{"menu_item_id": str(self._hotel.menu["soup"]), "quantity": 1}]}
        async with httpx.AsyncClient() as client:
            answer = await client.post(f"{self._base}/orders", json=body, headers=headers)
        assert answer.status_code == 201, answer.text
        return answer.json()["order"]["id"], answer.headers.get(POSITION)


async def test_a_position_is_good_at_every_hub(two: tuple[Live, Live], hotel: Hotel) -> None:
    here, there = (Client(live, hotel) for live in two)
    placed, position = await there.place()
    assert position is not None
    assert await there.orders() == {placed}, "the hub that has done it knows"
    assert await here.orders() == set(), "the replica answers, and may be behind"
    assert await here.orders(position) == {placed}
    assert await here.orders("no position") == {placed}, "what says nothing is no risk"
    for damaged in (position[:-2], "A" + position[1:-1] + "A", position * 2):
        assert await here.orders(damaged) == {placed}


async def test_a_socket_is_told_the_position_too(two: tuple[Live, Live], hotel: Hotel) -> None:
    here, there = two
    async with peer(there) as mine:
        await mine.send({"type": "hello", "token": token_of(hotel.tablet())})
        await mine.until("position")
        line = {"menu_item_id": str(hotel.menu["soup"]), "quantity": 1}
        reply = await mine.ask("order.place", {"lines": [line]})
        quote = await mine.ask("order.quote", {"lines": [line]})
    placed = reply["result"]["order"]["id"]
    assert "position" not in quote, "it has changed nothing"
    client = Client(here, hotel)
    assert await client.orders() == set()
    assert await client.orders(reply["position"]) == {placed}


async def test_a_join_on_the_replicas_state_ends_as_new_as_any(
    cluster: PgCluster, two: tuple[Live, Live], hotel: Hotel
) -> None:
    here, there = two
    async with there.screen(hotel.tablet()) as tablet:
        placed = {(await order(tablet, hotel))["id"] for _ in range(3)}
    async with here.screen(hotel.kitchen()) as kitchen:
        await kitchen.until(lambda: set(kitchen.orders()) == placed)
        assert len(kitchen.snapshots) == 1
        assert len(kitchen.applied) == 3, "the state was one from before the orders"
        async with here.screen(hotel.kitchen(1)) as other:
            await other.until(lambda: other.orders() == kitchen.orders())


async def test_a_hub_without_its_replica_is_degraded_and_serves(
    cluster: PgCluster, two: tuple[Live, Live]
) -> None:
    async with cluster.primary.connect(NAME) as admin:
        hotel = await make_hotel(admin)
    replica = cluster.replicas[0]
    await asyncio.to_thread(replica.kill)
    try:
        placed, _ = await Client(two[1], hotel).place()
        for live in two:
            assert await Client(live, hotel).orders() == {placed}
            await until_ready((live.host, live.port), 200, "degraded")
        async with two[0].screen(hotel.kitchen()) as kitchen:
            await kitchen.until(lambda: set(kitchen.orders()) == {placed})
    finally:
        await asyncio.to_thread(replica.start)
    for live in two:
        await until_ready((live.host, live.port), 200, "ready")


async def test_without_replicas_nobody_hears_of_positions(cluster: PgCluster, settings: Settings) -> None:
    async with cluster.primary.connect(NAME) as admin:
        hotel = await make_hotel(admin)
    async with running(msgspec.structs.replace(settings, replica_url=())) as live:
        placed, position = await Client(live, hotel).place()
        assert position is None
        assert await Client(live, hotel).orders() == {placed}
        async with peer(live) as mine:
            await mine.send({"type": "hello", "token": token_of(hotel.tablet())})
            await mine.until("position")
            line = {"menu_item_id": str(hotel.menu["soup"]), "quantity": 1}
            assert "position" not in await mine.ask("order.place", {"lines": [line]})
