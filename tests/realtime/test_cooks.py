"""Cooks at a shared kitchen screen: by PIN, counted, locked, and written beside what the screen does."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import pytest

from hub.db.database import Database
from hub.db.ids import uuid7
from hub.db.scope import Actor, Scope
from hub.devices.model import pin_lock
from hub.security.sealing import MasterKeys
from hub.security.vault import Vault
from tests.conftest import MASTER_KEY
from tests.factories import Hotel, make_staff
from tests.realtime.conftest import Live
from tests.realtime.peer import Peer, peer

if TYPE_CHECKING:
    from hub.db.pool import Connection
    from hub.security.permissions import StaffRole

PIN = "4711"


async def cook(
    admin: Connection, database: Database, hotel: Hotel, role: StaffRole = "kitchen", pin: str = PIN
) -> UUID:
    """A member of staff with a PIN."""
    person = await make_staff(admin, hotel, role)
    vault = Vault(MasterKeys((MASTER_KEY,)))

    async def work(scope: Scope) -> bytes:
        return await vault.digest(scope, "pin", f"{person.id}:{pin}")

    actor = Actor(user_id=None, role="sign_in", request_id=uuid7())
    digest = await database.transaction(person.tenant_id, actor, work, idempotent=True)
    await admin.execute("UPDATE app.staff SET pin_hash = $2 WHERE id = $1", person.id, digest)
    return person.id


async def switch(one: Peer, staff_id: UUID, pin: str = PIN) -> dict[str, Any]:
    answer: dict[str, Any] = await one.ask("cook.switch", {"staff_id": str(staff_id), "pin": pin}, op_id=None)
    return answer


async def events(admin: Connection, hotel: Hotel, operation: str) -> int:
    count: int = await admin.fetchval(
        "SELECT count(*) FROM app.audit_logs WHERE tenant_id = $1 AND operation = $2",
        hotel.tenant_id,
        operation,
    )
    return count


async def test_what_a_cook_does_is_written_beside_the_screen(
    live: Live, admin: Connection, database: Database, hotel: Hotel
) -> None:
    staff_id = await cook(admin, database, hotel)
    async with peer(live) as guest, peer(live) as screen:
        await guest.hello(hotel.tablet())
        await screen.hello(hotel.kitchen())
        assert (await screen.ask("cook.list", {}, op_id=None))["result"] == {
            "cooks": [{"id": str(staff_id), "name": "kitchen"}],
            "current": None,
        }
        answer = await switch(screen, staff_id)
        assert answer["result"] == {"current": {"id": str(staff_id), "name": "kitchen"}}
        lines = [{"menu_item_id": str(hotel.menu["soup"]), "quantity": 1}]
        order = (await guest.ask("order.place", {"lines": lines}))["result"]["order"]
        await screen.ask("order.advance", {"order_id": order["id"], "to": "cooking"})
        assert (await screen.ask("cook.leave", {}, op_id=None))["result"] == {"current": None}
        await screen.ask("order.advance", {"order_id": order["id"], "to": "ready"})
    rows = await admin.fetch(
        "SELECT cook_id, new ->> 'status' AS status FROM app.audit_logs WHERE record = $1 AND new ? 'status'"
        " AND user_id = $2 ORDER BY created_at",
        order["id"],
        hotel.kitchen_id,
    )
    assert [(row["status"], row["cook_id"]) for row in rows] == [("cooking", staff_id), ("ready", None)]


async def test_wrong_pins_are_counted_one_by_one_and_lock(
    live: Live, admin: Connection, database: Database, hotel: Hotel
) -> None:
    staff_id = await cook(admin, database, hotel)
    async with peer(live) as one, peer(live) as two:
        await one.hello(hotel.kitchen(0))
        await two.hello(hotel.kitchen(1))
        # both at once: none slips through uncounted
        answers = await asyncio.gather(*(guesses(screen, staff_id, 5) for screen in (one, two)))
        assert {answer["error"]["code"] for found in answers for answer in found} == {"unauthorized"}
        row = await admin.fetchrow(
            "SELECT failed_pin_attempts, pin_locked_until > now() AS locked FROM app.staff WHERE id = $1",
            staff_id,
        )
        assert row is not None
        assert (row["failed_pin_attempts"], row["locked"]) == (5, True)
        # the right one does not help now, and looks like a wrong one
        right = await switch(one, staff_id)
        assert right["error"] == answers[0][0]["error"]
        assert await events(admin, hotel, "pin.failed") == 5
        assert await events(admin, hotel, "pin.locked") == 1
        await admin.execute("UPDATE app.staff SET pin_locked_until = now() WHERE id = $1", staff_id)
        assert (await switch(one, staff_id))["ok"]
        count = await admin.fetchval("SELECT failed_pin_attempts FROM app.staff WHERE id = $1", staff_id)
        assert count == 0


async def guesses(screen: Peer, staff_id: UUID, number: int) -> list[dict[str, Any]]:
    return [await switch(screen, staff_id, str(1000 + guess)) for guess in range(number)]


@pytest.mark.parametrize("change", ["is_active = false", "deleted_at = now()", "pin_hash = NULL"])
async def test_who_may_not_cook_gets_the_same_answer(
    live: Live, admin: Connection, database: Database, hotel: Hotel, change: str
) -> None:
    staff_id = await cook(admin, database, hotel)
    await admin.execute(f"UPDATE app.staff SET {change} WHERE id = $1", staff_id)
    async with peer(live) as screen:
        await screen.hello(hotel.kitchen())
        answer = await switch(screen, staff_id)
        assert answer["error"] == (await switch(screen, uuid4()))["error"]
        assert (await screen.ask("cook.list", {}, op_id=None))["result"]["cooks"] == []


async def test_others_are_not_cooks(
    live: Live, admin: Connection, database: Database, hotel: Hotel, other_hotel: Hotel
) -> None:
    waiter = await cook(admin, database, hotel, "runner")
    stranger = await cook(admin, database, other_hotel)
    granted = await cook(admin, database, hotel, "runner")
    await admin.execute("UPDATE app.staff SET permissions = '{order.cook}' WHERE id = $1", granted)
    async with peer(live) as screen, peer(live) as guest:
        await screen.hello(hotel.kitchen())
        await guest.hello(hotel.tablet())
        for nobody in (waiter, stranger):
            assert (await switch(screen, nobody))["error"]["code"] == "unauthorized"
        assert (await switch(screen, granted))["ok"]
        assert (await switch(guest, granted))["error"]["code"] == "forbidden"


async def test_a_cook_who_is_dismissed_is_not_written_any_more(
    live: Live, admin: Connection, database: Database, hotel: Hotel
) -> None:
    staff_id = await cook(admin, database, hotel)
    async with peer(live) as screen:
        await screen.hello(hotel.kitchen())
        assert (await switch(screen, staff_id))["ok"]
        await admin.execute("UPDATE app.staff SET is_active = false WHERE id = $1", staff_id)
        assert (await screen.ask("cook.list", {}, op_id=None))["result"]["current"] is None


def test_the_lock_grows() -> None:
    assert [pin_lock(failures) for failures in (1, 4)] == [None, None]
    seconds = [lock.total_seconds() for failures in range(5, 14) if (lock := pin_lock(failures))]
    assert seconds == [30, 60, 120, 240, 480, 960, 1920, 3600, 3600]
    assert pin_lock(10_000) == timedelta(hours=1)
