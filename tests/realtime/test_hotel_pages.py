"""Pages of a hotel on its screens: at their moment, with nobody touching them, and after a restart."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

from tests.database.test_pages import page
from tests.factories import make_staff
from tests.realtime.conftest import running, screens

if TYPE_CHECKING:
    from hub.db.pool import Connection
    from hub.settings import Settings
    from tests.factories import Hotel
    from tests.realtime.screens import Screen


def pages(screen: Screen) -> set[str]:
    """The ids of those that it shows."""
    return {key[1] for key in screen.documents if key[0] == "page"}


async def shows(screen: Screen, *ids: str) -> None:
    """Wait until it shows these pages and no others."""
    await screen.until(lambda: pages(screen) == set(ids))


def soon(seconds: float) -> datetime:
    return datetime.now(UTC) + timedelta(seconds=seconds)


def named(screen: Screen, name: str) -> bool:
    """Whether it knows the hotel by that name."""
    return any(key[0] == "hotel" and data["name"] == name for key, data in screen.documents.items())


async def test_a_page_comes_and_goes_by_itself(settings: Settings, admin: Connection, hotel: Hotel) -> None:
    phone_of_guest = await hotel.phone(admin)
    async with (
        running(settings) as live,
        screens(live, hotel.tablet(), phone_of_guest) as (tablet, phone),
    ):
        begins, ends = soon(1.0), soon(2.5)
        made = str(await page(admin, hotel, published_at=begins, expires_at=ends))
        assert pages(tablet) == set()
        for screen in (tablet, phone):
            await shows(screen, made)
        assert begins <= datetime.now(UTC) < ends
        for screen in (tablet, phone):
            await shows(screen)
        assert ends <= datetime.now(UTC)
        told = [
            (frame["kind"], datetime.fromisoformat(frame["at"]))
            for frame in tablet.frames
            if frame["type"] == "event"
        ]
    assert [kind for kind, _ in told] == ["page", "page.removed"]
    for (_, at), moment in zip(told, (begins, ends), strict=True):
        assert timedelta(0) <= at - moment < timedelta(seconds=1), "in time, as far as this machine lets it"


async def test_what_came_due_while_no_hub_ran(settings: Settings, admin: Connection, hotel: Hotel) -> None:
    """The rows alone say it."""
    appeared = str(await page(admin, hotel, published_at=soon(0.3)))
    over = str(await page(admin, hotel, expires_at=soon(0.3)))
    never = str(await page(admin, hotel, published_at=soon(0.1), expires_at=soon(0.3)))
    await admin.execute("SELECT pg_sleep_until($1)", soon(0.4))
    async with running(settings) as live, live.screen(hotel.tablet()) as tablet:
        await shows(tablet, appeared)
        assert not {over, never} & pages(tablet)
        assert never not in {frame["data"]["id"] for frame in tablet.frames if frame.get("kind") == "page"}


async def test_who_shows_none_gets_none(settings: Settings, admin: Connection, hotel: Hotel) -> None:
    """A kitchen's snapshot is as small as it was, however much there is to read for guests."""
    front = await make_staff(admin, hotel, "front")
    before = str(await page(admin, hotel))
    async with (
        running(settings) as live,
        screens(live, hotel.tablet(), hotel.kitchen(), front) as (tablet, *others),
    ):
        later = str(await page(admin, hotel))
        await shows(tablet, before, later)
        await admin.execute("UPDATE app.tenants SET name = 'Akari' WHERE id = $1", hotel.tenant_id)
        for screen in others:
            await screen.until(partial(named, screen, "Akari"))
            assert not pages(screen)
            assert later not in str(screen.frames)


async def test_no_other_hotel_sees_it(
    settings: Settings, admin: Connection, hotel: Hotel, other_hotel: Hotel
) -> None:
    theirs = str(await page(admin, other_hotel, content_en="<p>secret of theirs</p>"))
    async with (
        running(settings) as live,
        screens(live, hotel.tablet(), other_hotel.tablet()) as (ours, at_home),
    ):
        mine = str(await page(admin, hotel))
        await shows(ours, mine)
        assert pages(at_home) == {theirs}
        assert "secret of theirs" not in str(ours.frames)
