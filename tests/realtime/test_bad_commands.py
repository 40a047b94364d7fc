"""Bad input inside a command: a clear error (code, message, field) in the reply, the session stays, and
nothing is half-written."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

import pytest

from tests.locks import waiting_for_a_lock
from tests.realtime.conftest import Live
from tests.realtime.peer import Peer, peer
from tests.realtime.screens import Document

if TYPE_CHECKING:
    from hub.db.pool import Connection
    from tests.factories import Hotel

NOBODY = "00000000-0000-4000-8000-000000000000"
INSIDE = re.compile(r"Traceback|asyncpg|msgspec|\.py\b|SELECT|INSERT|\bapp\.|object at 0x|hub_api")
SOUP = "<soup>"
TABLES = ("orders", "order_items", "order_counters", "idempotency", "events")


async def counts(admin: Connection, hotel: Hotel) -> list[int]:
    query = " UNION ALL ".join(f"SELECT count(*) FROM app.{table} WHERE tenant_id = $1" for table in TABLES)
    return [row["count"] for row in await admin.fetch(query, hotel.tenant_id)]


@pytest.fixture
async def tablet(live: Live, hotel: Hotel, admin: Connection) -> AsyncIterator[Peer]:
    """A tablet's socket; afterwards it still serves, and nothing was written."""
    before = await counts(admin, hotel)
    async with peer(live) as mine:
        await mine.hello(hotel.tablet())
        yield mine
        assert await counts(admin, hotel) == before
        assert (await mine.ask("order.quote", {"lines": soup(hotel)}, op_id=None))["ok"], (
            "the session is alive"
        )


def soup(hotel: Hotel, **changes: object) -> list[Document]:
    return [{"menu_item_id": str(hotel.menu["soup"]), "quantity": 1, **changes}]


def refused(reply: Document, code: str, field: str | None = None, *, temporary: bool = False) -> str:
    """The reply is this error; its message."""
    assert not reply["ok"], reply
    error = reply["error"]
    assert set(error) == {"code", "message", "temporary", "details"}
    assert (error["code"], error["temporary"]) == (code, temporary), error
    assert error["details"].get("field") == field, error
    assert not INSIDE.search(json.dumps(error)), error
    assert error["message"]
    return str(error["message"])


def order(**changes: object) -> str:
    return json.dumps({"lines": [{"menu_item_id": SOUP, "quantity": 1, **changes}]})


def request(**more: object) -> str:
    return json.dumps({"lines": [{"menu_item_id": SOUP, "quantity": 1}], **more})


def lines(value: object) -> str:
    return json.dumps({"lines": value})


BAD_ARGS: dict[str, tuple[str, str | None]] = {
    "a list": ("[]", None),
    "null": ("null", None),
    "a text": ('"x"', None),
    "no lines": ("{}", None),
    "no line": (lines([]), "lines"),
    "lines of text": (lines("x"), "lines"),
    "51 lines": (lines([{"menu_item_id": SOUP, "quantity": 1}] * 51), "lines"),
    "an unknown argument": ('{"price":1}', None),
    "less than none": (order(quantity=-1), "lines[0].quantity"),
    "none": (order(quantity=0), "lines[0].quantity"),
    "a million": (order(quantity=1_000_000), "lines[0].quantity"),
    "a half": (order(quantity=0.5), "lines[0].quantity"),
    "a word": (order(quantity="one"), "lines[0].quantity"),
    "a huge number": (order().replace(": 1}", ": 1" + "0" * 400 + "}"), "lines[0].quantity"),
    "an item that is no id": (order(menu_item_id="soup"), "lines[0].menu_item_id"),
    "NUL in a note": (order(note="a\0b"), "lines[0].note"),
    "a surrogate in a note": (order(note="\ud800"), "args"),
    "a long note": (order(note="x" * 201), "lines[0].note"),
    "NUL in the requests": (request(special_requests="\0"), "special_requests"),
    "surrogates the wrong way round": (request(special_requests="\udc00\ud800"), "args"),
    "attested in words": (request(age_attested="yes"), "age_attested"),
}


@pytest.mark.parametrize(("raw", "field"), BAD_ARGS.values(), ids=BAD_ARGS)
async def test_arguments_of_the_wrong_kind(tablet: Peer, hotel: Hotel, raw: str, field: str | None) -> None:
    raw = raw.replace(SOUP, str(hotel.menu["soup"]))
    refused(await tablet.ask("order.place", raw=raw), "invalid_input", field)


@pytest.mark.parametrize("name", ["", "order", "order.explode", "hello", "order.place; DROP TABLE", "注文\0"])
async def test_an_unknown_command(tablet: Peer, name: str) -> None:
    refused(await tablet.ask(name), "unknown_command", "name")


async def test_a_command_of_somebody_else(tablet: Peer) -> None:
    refused(await tablet.ask("order.advance", {"order_id": NOBODY, "to": "cooking"}), "forbidden")


async def test_without_an_operation_id(tablet: Peer, hotel: Hotel) -> None:
    refused(await tablet.ask("order.place", {"lines": soup(hotel)}, op_id=None), "invalid_input", "op_id")


async def test_an_item_that_does_not_exist(tablet: Peer, hotel: Hotel, other_hotel: Hotel) -> None:
    """Unknown, and another tenant's: the same answer to the letter."""
    unknown = await tablet.ask("order.place", {"lines": soup(hotel, menu_item_id=NOBODY)})
    foreign = await tablet.ask("order.place", {"lines": soup(other_hotel)})
    refused(unknown, "not_found", "lines[0].menu_item_id")
    assert foreign["error"] == unknown["error"]


ON_AN_ORDER = {
    "order.advance": {"to": "cooking"},
    "item.advance": {"line": 1, "to": "cooking"},
    "order.recall": {},
    "order.cancel": {"reason": "sold out"},
    "order.acknowledge": {},
}


@pytest.mark.parametrize(("name", "args"), ON_AN_ORDER.items(), ids=ON_AN_ORDER)
async def test_an_order_of_another_tenant(
    live: Live, hotel: Hotel, other_hotel: Hotel, admin: Connection, name: str, args: dict[str, object]
) -> None:
    async with peer(live) as guest, peer(live) as cook:
        await guest.hello(other_hotel.tablet())
        await cook.hello(hotel.kitchen())
        placed = await guest.ask("order.place", {"lines": soup(other_hotel)})
        theirs = placed["result"]["order"]["id"]
        before = await counts(admin, hotel), await counts(admin, other_hotel)
        unknown = await cook.ask(name, {"order_id": NOBODY, **args})
        foreign = await cook.ask(name, {"order_id": theirs, **args})
        refused(unknown, "not_found", unknown["error"]["details"].get("field"))
        assert foreign["error"] == unknown["error"]
        assert (await counts(admin, hotel), await counts(admin, other_hotel)) == before


async def test_seeing_an_order_of_another_tenant_changes_nothing(
    live: Live, hotel: Hotel, other_hotel: Hotel, admin: Connection
) -> None:
    async with peer(live) as guest, peer(live) as cook:
        await guest.hello(other_hotel.tablet())
        await cook.hello(hotel.kitchen())
        placed = await guest.ask("order.place", {"lines": soup(other_hotel)})
        theirs = placed["result"]["order"]["id"]
        unknown = await cook.ask("order.seen", {"order_ids": [NOBODY]}, op_id=None)
        foreign = await cook.ask("order.seen", {"order_ids": [theirs]}, op_id=None)
        assert (unknown["ok"], foreign["ok"]) == (True, True)
        assert foreign["result"] == unknown["result"] == {"shown": 0}
        assert await admin.fetchval("SELECT shown_at FROM app.orders WHERE id = $1", UUID(theirs)) is None


async def test_an_operation_id_for_another_request(live: Live, hotel: Hotel, admin: Connection) -> None:
    async with peer(live) as mine:
        await mine.hello(hotel.tablet())
        op_id = str(uuid4())
        first = await mine.ask("order.place", {"lines": soup(hotel)}, op_id=op_id)
        before = await counts(admin, hotel)
        other = await mine.ask("order.place", {"lines": soup(hotel, quantity=2)}, op_id=op_id)
        refused(other, "operation_mismatch", "op_id")
        cancel = {"order_id": first["result"]["order"]["id"]}
        refused(await mine.ask("order.cancel", cancel, op_id=op_id), "operation_mismatch", "op_id")
        assert await counts(admin, hotel) == before
        again = await mine.ask("order.place", {"lines": soup(hotel)}, op_id=op_id)
        assert again["result"] == first["result"]


async def test_the_same_operation_after_a_lost_connection(
    live: Live, hotel: Hotel, admin: Connection
) -> None:
    op_id = str(uuid4())
    async with peer(live) as mine:
        await mine.hello(hotel.tablet())
        first = await mine.ask("order.place", {"lines": soup(hotel)}, op_id=op_id)
        mine.socket.transport.abort()
    async with peer(live) as mine:
        await mine.hello(hotel.tablet())
        before = await counts(admin, hotel)
        again = await mine.ask("order.place", {"lines": soup(hotel)}, op_id=op_id)
        assert again["result"] == first["result"]
        assert await counts(admin, hotel) == before
    assert before[0] == 1


async def test_an_operation_whose_client_leaves_is_done_once(
    live: Live, hotel: Hotel, admin: Connection
) -> None:
    """The command waits for a lock when its socket goes; asked again elsewhere, there is one order."""
    op_id = str(uuid4())
    transaction = admin.transaction()
    async with peer(live) as mine, peer(live) as second:
        await mine.hello(hotel.tablet())
        await second.hello(hotel.tablet())
        await transaction.start()
        try:
            await admin.execute("LOCK TABLE app.orders IN ACCESS EXCLUSIVE MODE")
            args = {"lines": soup(hotel)}
            await mine.send({"type": "command", "id": 1, "op_id": op_id, "name": "order.place", "args": args})
            await waiting_for_a_lock(admin)
            mine.socket.transport.abort()
        finally:
            await transaction.rollback()
        while True:
            reply = await second.ask("order.place", {"lines": soup(hotel)}, op_id=op_id)
            if reply["ok"]:
                break
            assert reply["error"]["temporary"]
        assert (await counts(admin, hotel))[0] == 1


async def test_a_reply_comes_after_the_commit(live: Live, hotel: Hotel, admin: Connection) -> None:
    async with peer(live) as mine:
        await mine.hello(hotel.tablet())
        for _ in range(20):
            reply = await mine.ask("order.place", {"lines": soup(hotel)})
            stored = "SELECT status FROM app.orders WHERE id = $1"
            assert await admin.fetchval(stored, UUID(reply["result"]["order"]["id"])) == "received"


async def test_a_command_that_breaks_shows_nothing_of_the_inside(
    live: Live, hotel: Hotel, admin: Connection
) -> None:
    """A bug, made with a trigger: the reply is `internal` or refuses, the session goes on."""
    function = (
        "CREATE FUNCTION app.break_for_test() RETURNS trigger LANGUAGE plpgsql AS"
        " $$BEGIN RAISE EXCEPTION 'secret inside'; END$$"
    )
    await admin.execute(function)
    await admin.execute(
        "CREATE TRIGGER break_for_test BEFORE INSERT ON app.orders FOR EACH ROW"
        " EXECUTE FUNCTION app.break_for_test()"
    )
    try:
        async with peer(live) as mine:
            await mine.hello(hotel.tablet())
            before = await counts(admin, hotel)
            reply = await mine.ask("order.place", {"lines": soup(hotel)})
            refused(reply, "internal")
            assert "secret" not in json.dumps(reply)
            assert await counts(admin, hotel) == before
            assert (await mine.ask("order.quote", {"lines": soup(hotel)}, op_id=None))["ok"]
    finally:
        await admin.execute("DROP FUNCTION app.break_for_test() CASCADE")


async def test_a_command_that_cannot_have_the_database_now_is_temporary(
    live: Live, hotel: Hotel, admin: Connection
) -> None:
    async with peer(live) as mine:
        await mine.hello(hotel.tablet())
        before = await counts(admin, hotel)
        async with admin.transaction():
            await admin.execute("LOCK TABLE app.order_items IN ACCESS EXCLUSIVE MODE")
            reply = await mine.ask("order.place", {"lines": soup(hotel)})
        refused(reply, reply["error"]["code"], temporary=True)
        assert await counts(admin, hotel) == before
