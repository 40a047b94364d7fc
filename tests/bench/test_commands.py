"""The other commands of the bench: small runs against the hub of this module, which the bench has not
started; runs with servers of its own are slow."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from msgspec import structs

from bench.hotels import furnish, write_tokens
from bench.tenants.hot import HOT, Place
from hub.db.queries import load_all
from hub.serve import serving
from hub.web.listener import bind
from tests.bench.conftest import bench, result

if TYPE_CHECKING:
    from hub.db.pool import Connection
    from hub.drive.client import Address
    from hub.settings import Settings


@pytest.fixture(scope="module")
async def there(
    settings: Settings, address: Address, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, ...]:
    """The options that name the hub of this module, with hotels of several screens."""
    path = tmp_path_factory.mktemp("bench") / "tokens"
    write_tokens(path, await furnish(settings, hotels=4, rooms=12, token_seconds=900, screens=2))
    return "--url", f"http://{address.host}:{address.port}", "--token-file", str(path)


async def quick(name: str, path: Path, *options: str, code: int = 0) -> tuple[dict[str, Any], str]:
    """What a quick run has found, and what it said."""
    files = ("--json", str(path / "result.json"), "--picture", str(path / "result.html"))
    ended, output = await bench(name, "--quick", *files, *options)
    assert ended == code, output
    assert (path / "result.html").read_text(encoding="utf-8").startswith("<!doctype html>")
    return result(path / "result.json"), output


async def test_orders(there: tuple[str, ...], tmp_path: Path) -> None:
    found, output = await quick("orders", tmp_path, *there, "--seconds", "1.5")
    options = found["options"]
    assert (options["rate"], options["seconds"], options["warmup"]) == ([30], 1.5, 0.3)
    (run,) = found["runs"]
    rows = {row["name"]: row for row in found["results"]["latency"]}
    assert list(rows) == list(run["latency_ms"]) == ["place", "frame", "change", "screen", "bump"]
    assert rows["place"]["p50"] == run["latency_ms"]["place"]["percentiles"]["p50"] > 0
    (cost,) = found["results"]["costs"]
    assert (cost["rate"], cost["errors"]) == (30, 0)
    assert "every confirmed order was on its kitchen's screen, once and in order" in output
    text = (tmp_path / "result.html").read_text(encoding="utf-8")
    assert text.count("<svg") == 1  # what an order costs a hub elsewhere cannot be seen
    assert "latency at 30 orders a second" in text


@pytest.mark.slow
async def test_orders_at_several_rates(there: tuple[str, ...], tmp_path: Path) -> None:
    options = ("--rate", "20", "40", "--seconds", "1", "--max-p99-ms", "place=0.001")
    found, _ = await quick("orders", tmp_path, *there, *options, code=1)
    assert [run["rate"] for run in found["runs"]] == [20, 40]
    text = (tmp_path / "result.html").read_text(encoding="utf-8")
    assert text.count("<svg") == 5  # a drawing for each latency
    assert "a p99 of place" in text


async def test_connections(there: tuple[str, ...], tmp_path: Path) -> None:
    found, output = await quick("connections", tmp_path, *there, "--sessions", "10,30", "--clients", "2")
    rows = found["results"]["joining"]
    assert [(row["sessions"], row["came"], row["failed"]) for row in rows] == [(10, 10, 0), (30, 20, 0)]
    assert found["results"]["resting"][-1]["live"] == 30
    assert "all 30 sessions were live" in output


async def test_more_sessions_than_devices(there: tuple[str, ...]) -> None:
    code, output = await bench("connections", *there, "--sessions", "5000")
    assert code == 2
    assert "has 56 devices, --sessions asks for 5000" in output


async def test_fanout(there: tuple[str, ...], tmp_path: Path) -> None:
    options = ("--sessions", "5,10", "--max-p99", "0.001")
    found, output = await quick("fanout", tmp_path, *there, *options, code=1)
    rows = found["results"]["fanout"]
    assert [(row["sessions"], row["missing"], row["repeated"]) for row in rows] == [(5, 0, 0), (10, 0, 0)]
    assert all(row["events"] > 0 and row["deliveries"] > 0 for row in rows)
    assert "every event came to every session, once" in output
    assert "10 sessions: p99" in found["broken"][-1]


@pytest.mark.slow
async def test_mix(there: tuple[str, ...], tmp_path: Path) -> None:
    found, _ = await quick("mix", tmp_path, *there, "--max-errors", "100", "--rate", "20", "--seconds", "2.5")
    rows = found["results"]["steps"]
    assert [row["over"] for row in rows] == ["http", "sockets"]
    assert [row["errors"] for row in rows] == [0, 0], [row["why"] for row in rows]
    assert all(row["answered"] > 10 for row in rows)


async def test_the_hot_queries_have_their_arguments(admin: Connection) -> None:
    texts = {query.name: query.text for queries in load_all().values() for query in queries.values()}
    place = Place(tenant=uuid4(), order=uuid4(), stay=uuid4(), item=uuid4(), room="101")
    for name, arguments in HOT.items():
        wanted = (await admin.prepare(texts[name])).get_parameters()
        assert len(arguments(place)) == len(wanted), name


@pytest.mark.slow
async def test_storm(there: tuple[str, ...], tmp_path: Path) -> None:
    found, output = await quick("storm", tmp_path, *there, "--devices", "20", "--fresh")
    (row,) = found["results"]["storm"]
    assert (row["live"], row["order_errors"]) == (20, 0)
    assert row["orders"] > 0
    assert f"all {row['orders']} confirmed orders are there, each once" in output


@pytest.mark.slow
@pytest.mark.alone
@pytest.mark.parametrize(
    ("name", "options", "table"),
    [
        ("connections", (), "resting"),
        ("fanout", (), "fanout"),
        ("mix", (), "ceilings"),
        ("storm", ("--how", "restart"), "storm"),
        ("storm", ("--workers", "2", "--no-pin"), "orders"),
        ("tenants", (), "queries"),
    ],
)
async def test_with_servers_of_its_own(
    name: str, options: tuple[str, ...], table: str, tmp_path: Path
) -> None:
    found, _ = await quick(name, tmp_path, *options)
    assert found["results"][table]
    assert found["broken"] == []


@pytest.mark.slow
@pytest.mark.alone
async def test_orders_in_saturation(tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    small = ("--hotels", "4", "--rooms", "2", "--seconds", "2", "--warmup", "0.5")
    code, output = await bench("orders", "--changes", "60", *small, "--saturate", "--json", str(path))
    assert code == 0, output
    found = result(path)
    assert found["runs"][0]["rate"] == 20
    assert found["runs"][0]["latency_ms"]["change"]["count"] > found["runs"][0]["orders_due"]
    for row in found["results"]["durable"]:
        assert row["hub"] > 0
        assert 0 < row["ratio"] < 5


@pytest.mark.slow
async def test_devices_that_are_refused_come_again_when_told_to(settings: Settings, tmp_path: Path) -> None:
    tight = structs.replace(settings, accepts_per_second=8.0, accepts_burst=4)
    path = tmp_path / "tokens"
    write_tokens(path, await furnish(settings, hotels=1, rooms=11, token_seconds=900))
    listener = bind(tight)
    async with serving(tight, listener):
        url = "http://{}:{}".format(*listener.getsockname()[:2])
        there = ("--url", url, "--token-file", str(path))
        found, output = await quick("connections", tmp_path, *there, "--sessions", "12")
    (row,) = found["results"]["joining"]
    assert (row["came"], row["failed"]) == (12, 0), output
    assert row["refused"] > 0


@pytest.mark.slow
async def test_a_storm_that_loses_an_order_is_exit_code_3(
    there: tuple[str, ...], admin: Connection, tmp_path: Path
) -> None:
    async def lose() -> None:
        """The newest order of the bench, as soon as there is one."""
        async with asyncio.timeout(60):
            while True:
                done = await admin.execute(
                    "UPDATE app.orders SET status = 'cancelled', cancelled_at = now(), finished_at = now(),"
                    " cancel_reason = 'lost', cancel_acked_at = now() WHERE id = (SELECT id FROM app.orders"
                    " WHERE special_requests LIKE 'bench %' AND status = 'received' AND created_at > $1"
                    " ORDER BY created_at DESC LIMIT 1)",
                    begun,
                )
                if done == "UPDATE 1":
                    return
                await asyncio.sleep(0.05)

    begun = datetime.now(UTC)
    async with asyncio.TaskGroup() as group:
        group.create_task(lose())
        found, output = await quick("storm", tmp_path, *there, "--devices", "5", code=3)
    assert "was confirmed and is not there" in output
    assert len(found["broken"]) == 1
