"""`hub rehearse` as a user starts it, against a hub that serves and with one of its own."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from msgspec.structs import replace

from hub.errors import HubError, InvalidInput, NotFound, SettingError
from hub.rehearse import command, screens, source
from hub.rehearse.command import Options
from hub.rehearse.script import Line, Ordered, read, write
from tests.realtime.conftest import running
from tests.rehearse.commands import house, rehearse, said, unseen, until, use

if TYPE_CHECKING:
    from hub.db.pool import Connection
    from hub.settings import Settings
    from tests.factories import Hotel
    from tests.realtime.conftest import Live

DEMO = source.demo()
SOUP = next(dish for dish in DEMO.dishes if dish.id == "soup-onion")
OPTIONS = Options(
    hotel=None, recording=None, minutes=None, speed=100.0, orders=3, rooms=2, seed=1, url=None, host=None,
    port=None, screens=1, headless=False, wait=1.0, by_hand=False, json=None,
)  # fmt: skip


@pytest.fixture(scope="module")
async def live(settings: Settings) -> AsyncIterator[Live]:
    async with running(settings, twins=False) as live:
        yield live


def recording(folder: Path, *moments: float) -> Path:
    """A file with a soup at each of these seconds."""
    orders = [Ordered(float(at), 1, [Line(SOUP.id, 1)], accepted=30.0) for at in moments]
    path = folder / "evening.json"
    write(path, replace(DEMO, hotel="recorded", orders=orders))
    return path


@pytest.mark.slow
async def test_a_made_up_evening_at_a_hub_that_serves(
    settings: Settings, live: Live, hotel: Hotel, tmp_path: Path
) -> None:
    figures = tmp_path / "figures.json"
    options = ("--orders", "4", "--rooms", "3", "--minutes", "2", "--speed", "100", "--seed", "5")
    url = ("--url", f"http://{live.host}:{live.port}", "--hotel", hotel.slug)
    async with rehearse(settings, *options, *url, "--json", str(figures)) as process, house(process):
        code, words = await said(process)
    assert code == 0, words
    assert "ok 4 orders, each on its screens once and in order" in words
    found: dict[str, Any] = msgspec.json.decode(figures.read_bytes())
    assert (found["orders"], found["confirmed"], found["unseen"], found["seed"]) == (4, 4, 0, 5)
    assert found["push_to_paint_ms"]["count"] == 4
    assert found["stations"]["kitchen"]["delivered_s"]["count"] > 0


async def test_a_recording_on_a_hub_of_its_own_until_ctrl_c(settings: Settings, tmp_path: Path) -> None:
    evening = recording(tmp_path, 0, 1, 3000)
    options = ("--from", str(evening), "--speed", "1", "--port", "0", "--by-hand")
    async with rehearse(settings, *options) as process, house(process) as kitchen:
        await until(kitchen, lambda: len(kitchen.documents.get("order", {})) == 2 and not unseen(kitchen))
        process.send_signal(signal.SIGINT)
        code, words = await said(process)
    assert code == 0, words
    assert "ok 2 orders" in words
    assert "commit → painted │ 2 │" in words
    assert "as recorded │ 3 │ 30 / –" in words


@pytest.mark.slow
async def test_the_first_minutes_of_a_recording(settings: Settings, live: Live, tmp_path: Path) -> None:
    evening = recording(tmp_path, 100, 200)
    url = ("--url", f"http://{live.host}:{live.port}")
    both = ("--minutes", "3", "--speed", "100", "--from", str(evening))
    async with rehearse(settings, *url, *both) as process, house(process):
        code, words = await said(process)
    assert code == 0, words
    assert "ok 1 orders" in words


async def test_recording_into_a_file(
    settings: Settings,
    admin: Connection,
    hotel: Hotel,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    use(settings, monkeypatch)
    out = tmp_path / "evening.json"
    with pytest.raises(InvalidInput, match=f"{hotel.slug} has no orders from 2020-01-01"):
        await asyncio.to_thread(command.record, hotel.slug, "2020-01-01", None, out)
    await admin.execute(
        "INSERT INTO app.orders (tenant_id, id, stay_id, business_date, order_number, room_number,"
        " subtotal_amount, tax_amount, total_amount, prices_include_tax, version)"
        " VALUES ($1, gen_random_uuid(), $2, '2026-05-02', 1, '101', 900, 81, 900, true, 1)",
        hotel.tenant_id,
        hotel.rooms[0].stay_id,
    )
    await admin.execute(
        "INSERT INTO app.order_items (tenant_id, order_id, line, menu_item_id, name_ja, name_en, tax_class,"
        " tax_rate_bp, unit_price, quantity, total_price, station, preparation_minutes)"
        " SELECT $1, o.id, 1, $2, 'soup', 'soup', 'food', 1000, 900, 1, 900, 'kitchen', 10"
        " FROM app.orders AS o WHERE o.tenant_id = $1",
        hotel.tenant_id,
        hotel.menu["soup"],
    )
    assert await asyncio.to_thread(command.record, hotel.slug, "2020-01-01", None, out) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert said.endswith("1 orders with 1 lines from 1 rooms; no names, no notes")
    assert [order.room for order in read(out).orders] == [1]


@pytest.mark.parametrize(
    ("changes", "error", "reason"),
    [
        ({"hotel": "nowhere"}, NotFound, "there is no hotel 'nowhere'"),
        ({"recording": Path("none.json")}, SettingError, "cannot read none.json"),
        ({"minutes": 1.0}, InvalidInput, "no order in its first minutes"),
        ({"url": "hub.example"}, InvalidInput, "is not http://HOST"),
    ],
)
async def test_what_cannot_be_rehearsed_is_said(
    settings: Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    changes: dict[str, Any],
    error: type[HubError],
    reason: str,
) -> None:
    use(settings, monkeypatch)
    late = {"recording": recording(tmp_path, 100)} if "minutes" in changes else {}
    wanted = replace(OPTIONS, **{"url": "http://127.0.0.1:9", **late, **changes})
    with pytest.raises(error, match=reason):
        await asyncio.to_thread(command.run, wanted)


async def test_a_hub_elsewhere_needs_its_database() -> None:
    with pytest.raises(SettingError, match="--url names a hub: set HUB_DATABASE_URL and HUB_MASTER_KEYS"):
        await asyncio.to_thread(command.run, replace(OPTIONS, url="http://127.0.0.1:9"))


def test_without_a_browser_headless_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(SettingError, match="apt-get install chromium"), screens.browsers(["http://hub"]):
        pass
