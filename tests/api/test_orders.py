from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import uuid4

import msgspec
import pytest

from hub.db.ids import uuid7
from hub.menu.documents import WholeMenu
from hub.orders.documents import ChangedOrder, OneOrder, Orders
from hub.orders.messages import QuoteReply, SlotsReply
from tests.api.conftest import Api, problem
from tests.factories import Hotel, make_staff

if TYPE_CHECKING:
    from hub.db.pool import Connection


async def test_the_menu_is_as_described(api: Api, hotel: Hotel) -> None:
    for principal in (hotel.tablet(), hotel.kitchen()):
        answer = await api.get("/api/v1/menu", principal)
        assert answer.status_code == 200
        menu = msgspec.json.decode(answer.content, type=WholeMenu)
        assert menu.hotel.id == hotel.tenant_id
        assert [item.id for item in menu.items] == list(hotel.menu.values())
        assert answer.headers["cache-control"] == "no-store"


async def test_an_order_goes_from_placed_to_delivered(api: Api, hotel: Hotel) -> None:
    body = {
        "lines": [{"menu_item_id": hotel.menu["soup"], "quantity": 2, "note": "熱く"}],
        "quoted_total": 1800,
    }
    answer = await api.post("/api/v1/orders", body, hotel.tablet())
    assert answer.status_code == 201
    order = msgspec.json.decode(answer.content, type=OneOrder).order
    assert (order.status, order.version, order.total_amount, order.items[0].note) == (
        "received",
        1,
        1800,
        "熱く",
    )
    for step in ("cooking", "ready", "delivering", "delivered"):
        answer = await api.post(f"/api/v1/orders/{order.id}/advance", {"to": step}, hotel.kitchen())
        changed = msgspec.json.decode(answer.content, type=ChangedOrder)
        assert (answer.status_code, changed.order.status, changed.noop) == (200, step, False)
    answer = await api.post(f"/api/v1/orders/{order.id}/advance", {"to": "delivered"}, hotel.kitchen())
    assert answer.json()["noop"] is True


async def test_a_guest_reads_the_orders_of_the_stay_and_a_kitchen_all(api: Api, hotel: Hotel) -> None:
    mine, theirs = await api.place(hotel, room=0), await api.place(hotel, room=1)
    answer = await api.get("/api/v1/orders", hotel.tablet(0))
    assert [str(order.id) for order in msgspec.json.decode(answer.content, type=Orders).orders] == [
        mine["id"]
    ]
    answer = await api.get("/api/v1/orders", hotel.kitchen(), status="active")
    assert [order["id"] for order in answer.json()["orders"]] == [mine["id"], theirs["id"]]
    assert (await api.get(f"/api/v1/orders/{mine['id']}", hotel.tablet(0))).json()["order"] == mine
    problem(await api.get(f"/api/v1/orders/{theirs['id']}", hotel.tablet(0)), 404, "not_found", "order_id")


async def test_a_list_comes_in_pages(api: Api, hotel: Hotel) -> None:
    placed = [(await api.place(hotel))["id"] for _ in range(3)]
    first = (await api.get("/api/v1/orders", hotel.kitchen(), limit=2)).json()
    second = (await api.get("/api/v1/orders", hotel.kitchen(), limit=2, after=first["next"])).json()
    assert [order["id"] for order in first["orders"] + second["orders"]] == placed
    assert second["next"] is None


async def test_the_same_key_again_changes_nothing_and_gets_the_same_answer(
    api: Api, hotel: Hotel, admin: Connection
) -> None:
    key = uuid4()
    body = {"lines": [{"menu_item_id": hotel.menu["cake"], "quantity": 1}]}
    first = await api.post("/api/v1/orders", body, hotel.tablet(), key)
    again = await api.post("/api/v1/orders", body, hotel.tablet(), key)
    assert (first.status_code, first.content) == (again.status_code, again.content)
    stock = "SELECT stock_quantity FROM app.menu_items WHERE id = $1"
    assert await admin.fetchval(stock, hotel.menu["cake"]) == 2
    other = {"lines": [{"menu_item_id": hotel.menu["cake"], "quantity": 2}]}
    problem(await api.post("/api/v1/orders", other, hotel.tablet(), key), 422, "operation_mismatch", "op_id")
    # a key belongs to its device: the neighbour may make the same one
    assert (await api.post("/api/v1/orders", body, hotel.tablet(1), key)).status_code == 201
    assert await admin.fetchval("SELECT count(*) FROM app.orders WHERE tenant_id = $1", hotel.tenant_id) == 2


async def test_a_refusal_is_judged_afresh(api: Api, hotel: Hotel, admin: Connection) -> None:
    key = uuid4()
    body = {"lines": [{"menu_item_id": hotel.menu["cake"], "quantity": 4}]}
    document = problem(await api.post("/api/v1/orders", body, hotel.tablet(), key), 409, "out_of_stock")
    assert document["details"]["left"] == [{"menu_item_id": str(hotel.menu["cake"]), "left": 3}]
    await admin.execute("UPDATE app.menu_items SET stock_quantity = 9 WHERE id = $1", hotel.menu["cake"])
    assert (await api.post("/api/v1/orders", body, hotel.tablet(), key)).status_code == 201


async def test_a_guest_cancels_until_it_is_being_cooked(api: Api, hotel: Hotel) -> None:
    order, late = await api.place(hotel), await api.place(hotel)
    answer = await api.post(f"/api/v1/orders/{order['id']}/cancel", {}, hotel.tablet())
    assert answer.json()["order"]["status"] == "cancelled"
    await api.post(f"/api/v1/orders/{late['id']}/advance", {"to": "cooking"}, hotel.kitchen())
    answer = await api.post(f"/api/v1/orders/{late['id']}/cancel", {}, hotel.tablet())
    problem(answer, 409, "already_preparing")
    answer = await api.post(f"/api/v1/orders/{late['id']}/cancel", {}, hotel.kitchen())
    problem(answer, 400, "invalid_input", "reason")


async def test_a_conflict_carries_the_present_order(api: Api, hotel: Hotel) -> None:
    order = await api.place(hotel)
    path = f"/api/v1/orders/{order['id']}/advance"
    document = problem(await api.post(path, {"to": "delivered"}, hotel.kitchen()), 409, "invalid_transition")
    assert document["details"]["order"] == order
    answer = await api.post(path, {"to": "cooking", "expected_version": 7}, hotel.kitchen())
    assert problem(answer, 409, "version_mismatch", "expected_version")["details"]["order"] == order


@pytest.mark.parametrize("path", ["/api/v1/orders", "/api/v1/orders/{}", "/api/v1/menu"])
async def test_another_hotel_sees_nothing(api: Api, hotel: Hotel, other_hotel: Hotel, path: str) -> None:
    order = await api.place(hotel)
    for principal in (other_hotel.kitchen(), other_hotel.tablet()):
        answer = await api.get(path.format(order["id"]), principal)
        assert order["id"] not in answer.text
        assert str(hotel.menu["soup"]) not in answer.text


async def test_another_hotels_order_answers_like_one_that_does_not_exist(
    api: Api, hotel: Hotel, other_hotel: Hotel, admin: Connection
) -> None:
    order = await api.place(hotel)
    for step, change in (("advance", {"to": "cooking"}), ("cancel", {"reason": "mine"})):
        answers = [
            await api.post(f"/api/v1/orders/{order_id}/{step}", change, other_hotel.kitchen())
            for order_id in (order["id"], uuid7())
        ]
        for answer in answers:
            problem(answer, 404, "not_found", "order_id")
        assert answers[0].content == answers[1].content
    body = {"lines": [{"menu_item_id": hotel.menu["soup"], "quantity": 1}]}
    problem(
        await api.post("/api/v1/orders", body, other_hotel.tablet()),
        404,
        "not_found",
        "lines[0].menu_item_id",
    )
    assert await admin.fetchval("SELECT version FROM app.orders WHERE id = $1", order["id"]) == 1


async def test_the_next_guest_sees_nothing_of_the_last_one(api: Api, hotel: Hotel, admin: Connection) -> None:
    last_guest = hotel.tablet()
    order = await api.place(hotel)
    await admin.execute("UPDATE app.stays SET ended_at = now() WHERE id = $1", last_guest.stay_id)
    stay_id = await admin.fetchval(
        "INSERT INTO app.stays (tenant_id, room_number) VALUES ($1, '101') RETURNING id", hotel.tenant_id
    )
    next_guest = msgspec.structs.replace(last_guest, stay_id=stay_id)
    assert (await api.get("/api/v1/orders", next_guest)).json() == {"orders": [], "next": None}
    problem(await api.get(f"/api/v1/orders/{order['id']}", next_guest), 404, "not_found", "order_id")
    # The tablet still holds the token of the stay that is over.
    for path in ("/api/v1/orders", f"/api/v1/orders/{order['id']}"):
        problem(await api.get(path, last_guest), 409, "stay_ended")
    body = {"lines": [{"menu_item_id": hotel.menu["soup"], "quantity": 1}]}
    problem(await api.post("/api/v1/orders", body, last_guest), 409, "stay_ended")
    problem(await api.post(f"/api/v1/orders/{order['id']}/cancel", {}, last_guest), 409, "stay_ended")


async def test_each_kind_of_device_has_its_own_commands(api: Api, hotel: Hotel) -> None:
    order = await api.place(hotel)
    body = {"lines": [{"menu_item_id": hotel.menu["soup"], "quantity": 1}]}
    problem(await api.post("/api/v1/orders", body, hotel.kitchen()), 403, "forbidden")
    answer = await api.post(f"/api/v1/orders/{order['id']}/advance", {"to": "cooking"}, hotel.tablet())
    problem(answer, 403, "forbidden")


async def test_a_quote_and_the_times_to_wish_for(api: Api, hotel: Hotel) -> None:
    lines = [{"menu_item_id": hotel.menu["curry"], "quantity": 2}]
    answer = await api.post("/api/v1/orders/quote", {"lines": lines}, hotel.tablet())
    assert answer.status_code == 200
    quote = msgspec.json.decode(answer.content, type=QuoteReply).quote
    assert (quote.total_amount, quote.estimate.fire_at) == (3600, None)
    assert answer.json()["quote"]["estimate"].keys() == {"fire_at", "from", "to"}
    answer = await api.post("/api/v1/orders/slots", {"lines": lines}, hotel.tablet())
    slots = msgspec.json.decode(answer.content, type=SlotsReply).slots
    assert all(slot.free for slot in slots)
    wish = {"lines": lines, "due_at": slots[0].at, "quoted_total": 3600}
    placed = await api.post("/api/v1/orders", wish, hotel.tablet())
    assert msgspec.json.decode(placed.content, type=OneOrder).order.due_at == slots[0].at
    late = {"lines": lines, "due_at": slots[0].at + timedelta(days=3)}
    problem(await api.post("/api/v1/orders/quote", late, hotel.tablet()), 400, "invalid_input", "due_at")


async def test_a_paused_kitchen_and_a_full_one(api: Api, hotel: Hotel, admin: Connection) -> None:
    body = {"lines": [{"menu_item_id": hotel.menu["soup"], "quantity": 1}]}
    paused = await api.post("/api/v1/kitchen/pause", {"message_en": "Back at 9"}, hotel.kitchen())
    assert (paused.status_code, paused.json()["pause"]["message_en"]) == (200, "Back at 9")
    for path in ("/api/v1/orders", "/api/v1/orders/quote"):
        refused = await api.post(path, body, hotel.tablet())
        assert problem(refused, 409, "kitchen_paused")["details"]["pause"] == paused.json()["pause"]
    assert (await api.post("/api/v1/kitchen/resume", {}, hotel.kitchen())).json() == {"pause": None}
    await admin.execute(
        "UPDATE app.tenants SET settings = '{\"throttle_orders\": 1}' WHERE id = $1", hotel.tenant_id
    )
    slots = (await api.post("/api/v1/orders/slots", body, hotel.tablet())).json()["slots"]
    wish = {**body, "due_at": slots[4]["at"]}
    assert (await api.post("/api/v1/orders", wish, hotel.tablet(0))).status_code == 201
    for path in ("/api/v1/orders", "/api/v1/orders/quote"):
        refused = await api.post(path, wish, hotel.tablet(1))
        free = problem(refused, 409, "slot_full", "due_at")["details"]["free"]
        assert free == [slot["at"] for slot in slots[5:10]]


async def test_the_desk_orders_for_a_room(api: Api, hotel: Hotel, admin: Connection) -> None:
    front = await make_staff(admin, hotel, "front")
    body = {"lines": [{"menu_item_id": hotel.menu["soup"], "quantity": 1}], "room_number": "102"}
    placed = (await api.post("/api/v1/orders", body, front)).json()["order"]
    assert (placed["room_number"], placed["channel"]) == ("102", "staff")
    seen = (await api.get("/api/v1/orders", hotel.tablet(1))).json()["orders"]
    assert [order["id"] for order in seen] == [placed["id"]]
    problem(await api.post("/api/v1/orders", body, hotel.tablet(0)), 403, "forbidden", "room_number")
