"""A socket that is handed the token of another tenant, and one whose token runs out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hub.realtime.protocol import CloseCode
from tests.realtime.conftest import Live
from tests.realtime.peer import peer
from tests.realtime.screens import token_of

if TYPE_CHECKING:
    from hub.db.pool import Connection
    from tests.factories import Hotel


async def test_a_token_of_another_hotel_ends_the_session_and_is_written_down_there(
    live: Live, admin: Connection, hotel: Hotel, other_hotel: Hotel
) -> None:
    async with peer(live) as mine:
        await mine.hello(hotel.kitchen())
        await mine.send({"type": "refresh", "token": token_of(other_hotel.kitchen())})
        assert (await mine.end()).code == CloseCode.BAD_TOKEN
    rows = await admin.fetch("SELECT * FROM app.audit_logs WHERE operation = 'tenant.refused'")
    assert [(row["tenant_id"], row["user_id"], row["record"]) for row in rows] == [
        (other_hotel.tenant_id, other_hotel.kitchen_id, str(hotel.kitchen_id))
    ]
    assert str(hotel.tenant_id) in rows[0]["details"]


async def test_a_token_of_a_neighbour_is_no_matter_of_hotels(
    live: Live, admin: Connection, hotel: Hotel
) -> None:
    async with peer(live) as mine:
        await mine.hello(hotel.tablet(0))
        await mine.send({"type": "refresh", "token": token_of(hotel.tablet(1))})
        assert (await mine.end()).code == CloseCode.BAD_TOKEN
    written = await admin.fetchval(
        "SELECT count(*) FROM app.audit_logs WHERE tenant_id = $1 AND operation = 'tenant.refused'",
        hotel.tenant_id,
    )
    assert written == 0
