"""What kitchens and runners do over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from tests.api.conftest import Api, problem
from tests.factories import Hotel, make_staff

if TYPE_CHECKING:
    from hub.db.pool import Connection


async def test_an_order_is_accepted_hurried_and_carried(api: Api, admin: Connection, hotel: Hotel) -> None:
    order = await api.place(hotel)
    path = f"/api/v1/orders/{order['id']}"
    front, runner = await make_staff(admin, hotel, "front"), await make_staff(admin, hotel, "runner")
    key = uuid4()
    first, again = [await api.post(f"{path}/accept", b"", runner, key) for _ in range(2)]
    assert (first.status_code, first.json()["noop"], first.text) == (200, False, again.text)
    assert first.json()["order"]["accepted_at"] is not None
    assert (await api.post(f"{path}/rush", {"rush": True}, front)).json()["order"]["rush"] is True
    problem(await api.post(f"{path}/rush", {}, front), 400, "invalid_input")
    problem(await api.post(f"{path}/rush", {"rush": True}, runner), 403, "forbidden")
    problem(await api.post(f"{path}/acknowledge-allergy", {}, hotel.kitchen()), 409, "invalid_transition")
    problem(await api.post(f"/api/v1/orders/{uuid4()}/accept", b"", runner), 404, "not_found", "order_id")
    for to in ("cooking", "ready"):
        await api.post(f"{path}/advance", {"to": to, "items": [1]}, hotel.kitchen())
    trip = str(uuid4())
    left = (await api.post(f"{path}/advance", {"to": "delivering", "trip_id": trip}, runner)).json()["order"]
    assert (left["status"], left["trip_id"]) == ("delivering", trip)
    recent = (await api.get("/api/v1/orders/recent", runner)).json()
    assert recent["more"] is False
    assert [(entry["order"], entry["by"]) for entry in recent["orders"]] == [(left, "runner")]
    problem(await api.get("/api/v1/orders/recent", hotel.tablet()), 403, "forbidden")


async def test_a_scheduled_order_says_when_it_is_begun(api: Api, admin: Connection, hotel: Hotel) -> None:
    order = await api.place(hotel)
    path = f"/api/v1/orders/{order['id']}/advance"
    later = "UPDATE app.orders SET fire_at = now() + interval '1 hour' WHERE id = $1 RETURNING fire_at"
    fire_at = await admin.fetchval(later, order["id"])
    document = problem(await api.post(path, {"to": "cooking"}, hotel.kitchen()), 409, "invalid_transition")
    assert document["details"]["fire_at"] == fire_at.isoformat().replace("+00:00", "Z")
    assert document["details"]["order"]["status"] == "received"
    fired = await api.post(path, {"to": "cooking", "now": True}, hotel.kitchen())
    assert fired.json()["order"]["status"] == "cooking"


async def test_a_kitchen_without_a_socket_comes_through_a_whole_evening(
    api: Api, admin: Connection, hotel: Hotel
) -> None:
    """Everything that a screen says over its socket, in requests: none of its orders gets stuck."""
    cart = {"lines": [{"menu_item_id": hotel.menu[name], "quantity": 1} for name in ("soup", "cake")]}
    order = (await api.post("/api/v1/orders", cart, hotel.tablet())).json()["order"]
    kitchen = hotel.kitchen()
    path = f"/api/v1/orders/{order['id']}"
    for shown in (1, 0):
        answer = await api.post("/api/v1/orders/seen", {"order_ids": [order["id"], str(uuid4())]}, kitchen)
        assert (answer.status_code, answer.json()) == (200, {"shown": shown})
    key = uuid4()
    first, again = [
        await api.post(f"{path}/items/1/advance", {"to": "cooking"}, kitchen, key) for _ in range(2)
    ]
    assert (first.status_code, first.json()["noop"], first.text) == (200, False, again.text)
    document = first.json()["order"]
    assert (document["status"], [item["status"] for item in document["items"]]) == (
        "cooking",
        ["cooking", "pending"],
    )
    await api.post(f"{path}/cancel", {"items": [2], "reason": "mistake"}, kitchen)
    assert (await api.post(f"{path}/items/1/advance", {"to": "ready"}, kitchen)).is_success
    to_go = {"to": "delivering"}
    stuck = problem(await api.post(f"{path}/advance", to_go, kitchen), 409, "invalid_transition")
    assert stuck["details"]["expected"] == ["acknowledge"]
    acknowledged = await api.post(f"{path}/acknowledge", {}, kitchen)
    assert acknowledged.json()["order"]["cancel_acked_at"] is not None
    assert (await api.post(f"{path}/advance", to_go, kitchen)).json()["order"]["status"] == "delivering"
    undone = await api.post(f"{path}/recall", {"undo": True}, kitchen)
    assert (undone.json()["order"]["status"], undone.json()["order"]["recall_count"]) == ("ready", 0)
    recalled = await api.post(f"{path}/recall", {"items": [1]}, kitchen)
    assert (recalled.json()["order"]["status"], recalled.json()["order"]["recall_count"]) == ("cooking", 1)
    stale = await api.post(f"{path}/recall", {"expected_version": 1}, kitchen)
    problem(stale, 409, "version_mismatch", "expected_version")


async def test_a_dish_is_sold_out_and_there_again_over_http(
    api: Api, admin: Connection, hotel: Hotel, other_hotel: Hotel
) -> None:
    kitchen, path = hotel.kitchen(), f"/api/v1/menu/{hotel.menu['soup']}/sold-out"
    switched = await api.post(path, {"sold_out": True, "until": "service"}, kitchen)
    item = switched.json()["menu_item"]
    assert (item["id"], item["sold_out"], item["sold_out_until"] is None) == (
        str(hotel.menu["soup"]),
        True,
        False,
    )
    assert (await api.post(path, {"sold_out": False}, kitchen)).json()["menu_item"]["sold_out"] is False
    problem(
        await api.post(path, {"sold_out": False, "until": "service"}, kitchen), 400, "invalid_input", "until"
    )
    problem(await api.post(path, {"sold_out": True}, hotel.tablet()), 403, "forbidden")
    theirs = f"/api/v1/menu/{other_hotel.menu['soup']}/sold-out"
    problem(await api.post(theirs, {"sold_out": True}, kitchen), 404, "not_found", "menu_item_id")


@pytest.mark.parametrize(
    ("path", "body", "status", "field"),
    [
        ("items/0/advance", {"to": "cooking"}, 400, "line"),
        ("items/one/advance", {"to": "cooking"}, 400, "line"),
        ("items/9/advance", {"to": "cooking"}, 404, "line"),
        ("items/1/advance", {"to": "delivered"}, 400, "to"),
        ("recall", {"items": []}, 400, "items"),
        ("recall", {"undo": True, "items": [1]}, 400, "items"),
        ("recall", {"items": [9]}, 404, "items[0]"),
    ],
)
async def test_what_a_kitchen_cannot_ask(
    api: Api, hotel: Hotel, path: str, body: dict[str, object], status: int, field: str
) -> None:
    order = await api.place(hotel)
    answer = await api.post(f"/api/v1/orders/{order['id']}/{path}", body, hotel.kitchen())
    problem(answer, status, "invalid_input" if status == 400 else "not_found", field)
