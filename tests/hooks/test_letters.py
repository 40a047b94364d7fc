"""Letters to managers go the same way: nobody loses one, and a mail server that hangs holds up no address."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

import pytest

from hub.errors import InvalidInput, Unavailable
from tests.api.desk import Postbox
from tests.factories import make_person
from tests.hooks.conftest import Post, going
from tests.hooks.receiver import DEADLINE, Receiver

if TYPE_CHECKING:
    from hub.db.pool import Connection
    from hub.staff.mail import Letter
    from tests.factories import Hotel

PAYLOAD = (
    '{"type":"order.paged","timestamp":"2026-11-21T12:03:00.000Z","data":{"order_id":"%s","order_number":7,'
    '"room_number":"1203","step":"page","channel":"tablet","placed_at":"2026-11-21T12:00:00.000Z",'
    '"fire_at":null,"shown_at":null}}'
)


class Sulking:
    """A mail server that does not take a letter, and says why."""

    def __init__(self, why: Exception | None) -> None:
        self._why = why
        self.asked = asyncio.Event()

    async def send(self, letter: Letter) -> None:
        self.asked.set()
        if self._why is None:
            await asyncio.Event().wait()
        assert self._why is not None
        raise self._why


async def manager(admin: Connection, hotel: Hotel) -> tuple[UUID, str]:
    """Somebody with an address of his own."""
    address = f"{uuid4().hex[:12]}@hotel.example"
    return await make_person(admin, hotel.tenant_id, "manager", email=address), address


async def write(post: Post, staff_id: UUID) -> UUID:
    made: UUID = await post.admin.fetchval(
        "INSERT INTO app.deliveries (tenant_id, staff_id, kind, payload) VALUES ($1, $2, 'order.paged', $3)"
        " RETURNING id",
        post.hotel.tenant_id,
        staff_id,
        PAYLOAD % uuid4(),
    )
    return made


@pytest.mark.parametrize(("locale", "word"), [("ja", "号室"), ("en", "Please call the kitchen")])
async def test_in_the_language_of_the_hotel(post: Post, admin: Connection, locale: str, word: str) -> None:
    await admin.execute("UPDATE app.tenants SET locale = $2 WHERE id = $1", post.hotel.tenant_id, locale)
    boss, address = await manager(admin, post.hotel)
    box = Postbox()
    async with going(post.courier(box)):
        row = await post.delivered(await write(post, boss))
    [letter] = box.to(address)
    assert word in letter.text
    assert "1203" in letter.subject
    assert "21:00" in letter.text, "the hotel is in Tokyo"
    assert (row["attempts"], row["last_error"], row["last_status"]) == (1, None, None)


async def test_what_the_mail_server_does_not_take_now_is_tried_again(post: Post, admin: Connection) -> None:
    boss, address = await manager(admin, post.hotel)
    letter = await write(post, boss)
    async with going(post.courier(Sulking(Unavailable("The mail server is away.")))):
        row = await post.failed(letter)
    assert row["last_error"] == "mail_server"
    assert 2 < row["pause"] < 6.5
    box = Postbox()
    async with going(post.courier(box)):
        await post.due(letter)
        await post.delivered(letter)
    assert len(box.to(address)) == 1


async def test_a_mailbox_that_is_none_is_not_tried_again(post: Post, admin: Connection) -> None:
    boss, _ = await manager(admin, post.hotel)
    async with going(post.courier(Sulking(InvalidInput("no such mailbox", field="to")))):
        row = await post.failed(await write(post, boss))
    assert (row["last_error"], row["next_attempt_at"]) == ("bad_mailbox", None)


@pytest.mark.parametrize(
    "change", ["is_active = false", "email_verified = false", "role = 'front'", "deleted_at = now()"]
)
async def test_who_is_no_manager_any_more_gets_none(post: Post, admin: Connection, change: str) -> None:
    boss, address = await manager(admin, post.hotel)
    letter = await write(post, boss)
    await admin.execute(f"UPDATE app.staff SET {change} WHERE id = $1", boss)
    box = Postbox()
    async with going(post.courier(box)):
        row = await post.failed(letter)
    assert (row["last_error"], row["next_attempt_at"]) == ("not_wanted", None)
    assert box.to(address) == []


async def test_a_mail_server_that_hangs_holds_up_no_address(
    post: Post, admin: Connection, receiver: Receiver
) -> None:
    letters = [await write(post, (await manager(admin, post.hotel))[0]) for _ in range(40)]
    webhook_id, _ = await post.webhook(receiver.url)
    mailer = Sulking(None)
    async with going(post.courier(mailer)), asyncio.timeout(DEADLINE):
        await mailer.asked.wait()
        await post.delivered(await post.send(webhook_id))
        taken = [(await post.row(letter))["attempts"] for letter in letters]
    assert sum(taken) == 4


async def test_without_a_mail_server_they_wait(post: Post, admin: Connection, receiver: Receiver) -> None:
    letter = await write(post, (await manager(admin, post.hotel))[0])
    webhook_id, _ = await post.webhook(receiver.url)
    async with going(post.courier(None)):
        await post.delivered(await post.send(webhook_id))
    assert (await post.row(letter))["attempts"] == 0
