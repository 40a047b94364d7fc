"""What is written down arrives: signed, again when it failed, once in a while twice and never not at all; and
an address that does not answer holds up no other."""

from __future__ import annotations

import asyncio
import base64
import hmac
import logging
import random
import time
from datetime import timedelta
from hashlib import sha256
from typing import TYPE_CHECKING

import pytest

from hub.hooks.courier import CLAIM_DELIVERIES
from hub.hooks.model import ChangeWebhook
from tests.factories import make_hotel, make_staff
from tests.hooks.conftest import Post, going
from tests.hooks.receiver import DEADLINE, Got, Receiver, fine, receiving, silent, status

if TYPE_CHECKING:
    from uuid import UUID

    from hub.db.database import Database
    from hub.db.pool import Connection, Pool
    from tests.factories import Hotel


def check_signature(got: Got, secret: str) -> None:
    """As a receiver does, with nothing of the hub's."""
    signed = f"{got.headers['webhook-id']}.{got.headers['webhook-timestamp']}.".encode() + got.body
    key = base64.b64decode(secret.removeprefix("whsec_"))
    version, _, signature = got.headers["webhook-signature"].partition(",")
    assert version == "v1"
    assert base64.b64decode(signature) == hmac.new(key, signed, sha256).digest()
    assert abs(int(got.headers["webhook-timestamp"]) - time.time()) < 30


async def test_it_arrives_signed_and_is_written_down(post: Post, receiver: Receiver) -> None:
    webhook_id, secret = await post.webhook(receiver.url)
    courier = post.courier()
    async with going(courier):
        delivery = await post.send(webhook_id)
        courier.hurry()
        row = await post.delivered(delivery)
    [got] = receiver.got
    check_signature(got, secret)
    assert got.headers["webhook-id"] == str(delivery)
    assert got.body.decode() == row["payload"]
    assert (row["attempts"], row["last_status"], row["last_error"]) == (1, 204, None)
    assert row["next_attempt_at"] is None
    assert courier.outcomes == {("order.paged", "delivered"): 1}


async def test_what_failed_is_tried_again_as_the_same_message(post: Post, receiver: Receiver) -> None:
    webhook_id, secret = await post.webhook(receiver.url)
    receiver.answers = status(503)
    delivery = await post.send(webhook_id)
    async with going(post.courier()):
        row = await post.failed(delivery)
        assert (row["last_status"], row["last_error"], row["delivered_at"]) == (503, "refused", None)
        assert 2 < row["pause"] < 6.5
        await post.due(delivery)
        row = await post.failed(delivery, 2)
        assert 10 < row["pause"] < 19
        receiver.answers = fine
        await post.due(delivery)
        row = await post.delivered(delivery)
    assert row["attempts"] == 3
    first, second, third = receiver.got
    assert first.body == second.body == third.body
    assert {got.headers["webhook-id"] for got in receiver.got} == {str(delivery)}
    check_signature(third, secret)


async def test_after_a_day_it_is_no_news(post: Post, receiver: Receiver) -> None:
    webhook_id, _ = await post.webhook(receiver.url)
    receiver.answers = status(500)
    delivery = await post.send(webhook_id)
    await post.admin.execute(
        "UPDATE app.deliveries SET created_at = now() - interval '24 hours' + interval '1 minute',"
        " attempts = 20 WHERE id = $1",
        delivery,
    )
    async with going(post.courier()):
        row = await post.failed(delivery, 21)
    assert row["next_attempt_at"] is None
    assert row["delivered_at"] is None


async def test_what_could_not_go_out_for_a_day_is_no_news_either(post: Post, receiver: Receiver) -> None:
    """The hotel was not served, or no hub was there."""
    webhook_id, _ = await post.webhook(receiver.url)
    stale, fresh = await post.send(webhook_id), await post.send(webhook_id)
    await post.admin.execute(
        "UPDATE app.deliveries SET created_at = now() - interval '25 hours' WHERE id = $1", stale
    )
    async with going(post.courier()):
        await post.delivered(fresh)
    assert (await post.row(stale))["attempts"] == 0


async def test_a_dead_address_holds_up_no_other(
    post: Post, receiver: Receiver, admin: Connection, database: Database, pool: Pool
) -> None:
    other = Post(admin, database, pool, await make_hotel(admin))
    async with receiving() as dead:
        dead.answers = silent
        webhook_id, _ = await post.webhook(dead.url)
        neighbour, _ = await post.webhook(receiver.url)
        elsewhere, _ = await other.webhook(receiver.url)
        async with going(post.courier(seconds=60.0)):
            for _ in range(50):
                await post.send(webhook_id)
            await dead.several(1)
            started = time.monotonic()
            for one, to in ((post, neighbour), (other, elsewhere)):
                await one.delivered(await one.send(to))
            assert time.monotonic() - started < 5
            # one at a time to each, and the rest waits its turn
            assert len(dead.got) == 1


async def test_who_fails_again_and_again_is_left_alone_until_a_try_succeeds(
    post: Post, receiver: Receiver
) -> None:
    webhook_id, _ = await post.webhook(receiver.url)
    receiver.answers = status(500)
    courier = post.courier()
    async with going(courier):
        failed = [await post.send(webhook_id) for _ in range(3)]
        for delivery in failed:
            await post.failed(delivery)
        later = await post.send(webhook_id)
        other_way, _ = await post.webhook(receiver.url.replace("/told", "/other"))
        await post.failed(await post.send(other_way))
        # it was looked for meanwhile, and left
        assert (await post.row(later))["attempts"] == 0
        # somebody tries it, and it works again: what waits goes at once
        receiver.answers = fine
        test = await post.send(webhook_id, "webhook.test")
        await post.delivered(test)
        for delivery in (*failed, later):
            await post.delivered(delivery)
    assert [got.headers["webhook-id"] for got in receiver.got[-4:]].count(str(later)) == 1


async def test_a_test_is_tried_once(post: Post, receiver: Receiver) -> None:
    webhook_id, _ = await post.webhook(receiver.url)
    receiver.answers = status(404)
    delivery = await post.send(webhook_id, "webhook.test")
    async with going(post.courier()):
        row = await post.failed(delivery)
    assert (row["next_attempt_at"], row["last_status"]) == (None, 404)


async def test_two_couriers_bring_each_message_once(post: Post, receiver: Receiver) -> None:
    webhook_id, _ = await post.webhook(receiver.url)
    deliveries = [await post.send(webhook_id) for _ in range(20)]
    several = [post.courier() for _ in range(2)]
    async with going(*several):
        for delivery in deliveries:
            await post.delivered(delivery)
    assert sorted(got.headers["webhook-id"] for got in receiver.got) == sorted(map(str, deliveries))
    assert sum(sum(one.outcomes.values()) for one in several) == len(deliveries)


async def test_one_at_a_time_and_the_oldest_first(post: Post, receiver: Receiver) -> None:
    webhook_id, _ = await post.webhook(receiver.url)
    deliveries = [await post.send(webhook_id) for _ in range(10)]
    async with going(post.courier()):
        await post.delivered(deliveries[-1])
    assert [got.headers["webhook-id"] for got in receiver.got] == [str(one) for one in deliveries]


async def test_who_dies_on_the_way_has_not_lost_it(post: Post, receiver: Receiver) -> None:
    webhook_id, _ = await post.webhook(receiver.url)
    receiver.answers = silent
    delivery = await post.send(webhook_id)
    async with going(post.courier(seconds=60.0)):
        await receiver.several(1)
    row = await post.row(delivery)
    assert (row["attempts"], row["delivered_at"]) == (1, None)
    assert 10 < row["pause"] <= 20
    receiver.answers = fine
    async with going(post.courier()):
        assert (await post.row(delivery))["attempts"] == 1, "its lease is not over"
        await post.due(delivery)
        await post.delivered(delivery)
    assert len({got.headers["webhook-id"] for got in receiver.got}) == 1


async def test_who_is_switched_off_or_deleted_gets_nothing_more(
    post: Post, receiver: Receiver, admin: Connection, hotel: Hotel
) -> None:
    manager = await make_staff(admin, hotel, "manager")
    off, gone, raced = [(await post.webhook(receiver.url))[0] for _ in range(3)]
    waiting = [await post.send(one) for one in (off, gone)]
    await post.desk.change(manager, off, ChangeWebhook(is_active=False))
    await post.desk.delete(manager, gone)
    # switched off behind the back of what was written at the same moment
    await admin.execute("UPDATE app.webhooks SET is_active = false WHERE id = $1", raced)
    late = await post.send(raced)
    async with going(post.courier()):
        row = await post.failed(late)
    assert (row["last_error"], row["next_attempt_at"]) == ("not_wanted", None)
    for one in waiting:
        row = await post.row(one)
        assert (row["attempts"], row["next_attempt_at"], row["last_error"]) == (0, None, "not_wanted")
    assert receiver.connections == 0


async def test_a_secret_that_cannot_be_opened_is_the_fault_of_one(
    post: Post, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    broken, _ = await post.webhook(receiver.url)
    good, _ = await post.webhook(receiver.url)
    await post.admin.execute("UPDATE app.webhooks SET secret_encrypted = 'v1:x' WHERE id = $1", broken)
    bad, fine_one = await post.send(broken), await post.send(good)
    with caplog.at_level(logging.DEBUG):
        async with going(post.courier()):
            row = await post.failed(bad)
            await post.delivered(fine_one)
    assert row["last_error"] == "internal"
    assert row["pause"] is not None
    assert receiver.url not in caplog.text


async def test_nothing_is_logged_that_is_secret(
    post: Post, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    webhook_id, secret = await post.webhook(receiver.url.replace("/told", "/T0KEN"))
    receiver.answers = status(500)
    with caplog.at_level(logging.DEBUG, "hub"):
        async with going(post.courier()):
            await post.failed(await post.send(webhook_id))
    assert "not delivered" in caplog.text
    told = " ".join(str(vars(record)) for record in caplog.records if record.name.startswith("hub"))
    for word in (secret, secret.removeprefix("whsec_"), "T0KEN", "hooks.example"):
        assert word not in told


async def backlog(post: Post, webhook_id: UUID, count: int) -> None:
    """So many messages that have waited for an hour."""
    await post.admin.execute(
        "INSERT INTO app.deliveries (tenant_id, webhook_id, kind, payload, next_attempt_at, created_at)"
        " SELECT $1, $2, 'order.paged', '{}', now() - interval '1 hour', now() - interval '1 hour'"
        " FROM generate_series(1, $3::integer)",
        post.hotel.tenant_id,
        webhook_id,
        count,
    )


async def test_a_long_backlog_to_one_address_holds_up_no_other(
    post: Post, receiver: Receiver, admin: Connection, database: Database, pool: Pool
) -> None:
    other = Post(admin, database, pool, await make_hotel(admin))
    back, _ = await post.webhook(receiver.url)
    neighbour, _ = await post.webhook(receiver.url)
    elsewhere, _ = await other.webhook(receiver.url)
    await backlog(post, back, 1300)
    fresh = [(post, await post.send(neighbour)), (other, await other.send(elsewhere))]
    async with going(post.courier()):
        for one, delivery in fresh:
            await one.delivered(delivery)
        assert len(receiver.got) < 100


async def test_a_hotel_has_a_fair_share_of_the_places(
    post: Post, receiver: Receiver, admin: Connection, database: Database, pool: Pool
) -> None:
    """Six addresses that answer slowly leave room for others, and for the hotel's own that are due."""
    other = Post(admin, database, pool, await make_hotel(admin))
    elsewhere, _ = await other.webhook(receiver.url)
    async with receiving() as slow:
        slow.answers = silent
        for _ in range(6):
            await post.send((await post.webhook(slow.url))[0])
        courier = post.courier(seconds=60.0)
        async with going(courier):
            await slow.several(4)
            for _ in range(3):
                courier.hurry()
                await other.delivered(await other.send(elsewhere))
            assert len(slow.got) == 4


async def claimed(post: Post, most: int, under_way: list[UUID]) -> set[UUID]:
    """The ids of what a claim takes."""
    rows = await post.pool.fetch(
        CLAIM_DELIVERIES.text, False, [], [], under_way, 4, most, timedelta(seconds=20)
    )
    return {row["id"] for row in rows}


async def test_who_has_waited_longest_has_the_first_turn(
    post: Post, receiver: Receiver, admin: Connection, database: Database, pool: Pool
) -> None:
    """Whatever the ids of the addressees are; but first of all who has nothing under way."""
    hotels = [post, *[Post(admin, database, pool, await make_hotel(admin)) for _ in range(5)]]
    sent = [await one.send((await one.webhook(receiver.url))[0]) for one in hotels]
    order = random.sample(range(6), 6)
    for place, number in enumerate(order):
        await admin.execute(
            "UPDATE app.deliveries SET next_attempt_at = now() - make_interval(mins => $2) WHERE id = $1",
            sent[number],
            60 - place,
        )
    assert await claimed(post, 2, []) == {sent[number] for number in order[:2]}
    busy = hotels[order[2]].hotel.tenant_id
    assert await claimed(post, 2, [busy]) == {sent[number] for number in order[3:5]}
    assert await claimed(post, 2, [busy] * 4) == {sent[order[5]]}, "the share is used up"


async def test_the_messages_of_a_hotel_that_is_not_served_rest(
    post: Post, receiver: Receiver, admin: Connection, database: Database, pool: Pool
) -> None:
    other = Post(admin, database, pool, await make_hotel(admin))
    resting, _ = await post.webhook(receiver.url)
    elsewhere, _ = await other.webhook(receiver.url)
    delivery = await post.send(resting)
    await admin.execute("UPDATE app.tenants SET status = 'suspended' WHERE id = $1", post.hotel.tenant_id)
    async with going(post.courier()):
        await other.delivered(await other.send(elsewhere))
        assert (await post.row(delivery))["attempts"] == 0
        await admin.execute("UPDATE app.tenants SET status = 'active' WHERE id = $1", post.hotel.tenant_id)
        await post.delivered(delivery)


async def test_what_was_dropped_on_its_way_does_not_come_back(
    post: Post, receiver: Receiver, admin: Connection, hotel: Hotel
) -> None:
    """The address is switched off while a message is in the air, and on again after it has failed."""
    answer = asyncio.Event()

    async def late(_: Got, __: asyncio.StreamWriter) -> bytes:
        await answer.wait()
        return b"HTTP/1.1 500 So\r\nContent-Length: 0\r\n\r\n"

    manager = await make_staff(admin, hotel, "manager")
    webhook_id, _ = await post.webhook(receiver.url)
    receiver.answers = late
    delivery = await post.send(webhook_id)
    courier = post.courier()
    async with going(courier):
        await receiver.several(1)
        await post.desk.change(manager, webhook_id, ChangeWebhook(is_active=False))
        answer.set()
        async with asyncio.timeout(DEADLINE):
            while not courier.outcomes:  # noqa: ASYNC110 - it tells nobody
                await asyncio.sleep(0.005)
        receiver.answers = fine
        await post.desk.change(manager, webhook_id, ChangeWebhook(is_active=True))
        await post.delivered(await post.send(webhook_id))
    row = await post.row(delivery)
    assert (row["next_attempt_at"], row["last_error"]) == (None, "not_wanted")
