"""What the simulated guests do when the hub refuses something."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from hub.demo.busy.guests import Guests
from hub.demo.device import Device
from hub.demo.screen import Document, Refused, Screen

Answer = Callable[[str, dict[str, Any]], Document | None]


class Tablet(Screen):
    """A screen whose hub is `answer`; None stands for what a hub usually says."""

    def __init__(self, menu: int, answer: Answer) -> None:
        super().__init__("nowhere", 0, "")
        dish = {"sold_out": False, "age_restricted": False, "is_featured": False, "options": []}
        items: dict[str, Document] = {
            str(number): {**dish, "id": str(number), "preparation_minutes": 15} for number in range(menu)
        }
        known = [{"code": code} for code in ("egg", "milk", "soy")]
        self.documents = {"menu_item": items, "hotel": {"": {"allergens": {"items": known}}}}
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self._answer = answer

    async def command(self, name: str, **args: object) -> Document:
        self.asked.append((name, args))
        if (answer := self._answer(name, args)) is not None:
            return answer
        match name:
            case "order.quote":
                return {"quote": {"total_amount": 900}}
            case "order.place":
                return {"order": {"id": "an order"}}
            case _:
                return {"slots": []}

    def carts(self, name: str) -> list[set[str]]:
        """The dishes of each command of that name."""
        return [
            {line["menu_item_id"] for line in args["lines"]} for asked, args in self.asked if asked == name
        ]


def guests(tablet: Tablet, seed: int) -> Guests:
    device = Device("nowhere", 0, "")
    device.screen = tablet
    return Guests({"502": device}, seed, speed=1e6)


def refusal(code: str, **details: object) -> Refused:
    return Refused(code, code=code, message=code, temporary=False, details=details)


async def test_a_closed_dish_is_left_out_and_not_asked_for_again() -> None:
    def answer(name: str, args: dict[str, Any]) -> None:
        away = [line for line in args.get("lines", ()) if line["menu_item_id"] in "0123"]
        if name == "order.quote" and away:
            raise refusal("item_unavailable", unavailable=away)

    tablet = Tablet(5, answer)
    table = guests(tablet, 3)
    for _ in range(30):
        await table.order()
    assert set.union(*tablet.carts("order.place")) == {"4"}
    for dish in "0123":
        assert sum(dish in cart for cart in tablet.carts("order.quote")) == 1


async def test_what_is_not_left_is_left_out() -> None:
    def answer(name: str, args: dict[str, Any]) -> None:
        if name == "order.place" and (
            short := [line for line in args["lines"] if line["menu_item_id"] == "0"]
        ):
            raise refusal(
                "out_of_stock", left=[{"menu_item_id": line["menu_item_id"], "left": 0} for line in short]
            )

    tablet = Tablet(3, answer)
    table = guests(tablet, 3)
    placed = [await table.order() for _ in range(30)]
    assert sum("0" in cart for cart in tablet.carts("order.place")) == 1
    assert placed.count("an order") >= 28


async def test_an_allergen_is_wanted_all_the_same_or_given_up() -> None:
    def answer(name: str, args: dict[str, Any]) -> None:
        if name == "order.place" and not args["allergens_confirmed"]:
            raise refusal("allergen_conflict", conflicts=[{"line": 1, "allergens": ["egg"]}])

    tablet = Tablet(6, answer)
    table = guests(tablet, 3)
    placed = [await table.order() for _ in range(40)]
    assert 0 < placed.count("an order") < 40
    assert any(args.get("allergens_confirmed") for name, args in tablet.asked if name == "order.place")


@pytest.mark.parametrize("code", ["kitchen_paused", "slot_full", "stay_ended", "internal"])
async def test_other_refusals_are_the_end_of_it(code: str) -> None:
    def answer(name: str, args: dict[str, Any]) -> None:
        if name == "order.quote":
            raise refusal(code, free=[])

    tablet = Tablet(3, answer)
    assert await guests(tablet, 3).order() is None
    assert tablet.carts("order.place") == []


async def test_nobody_there_orders_nothing() -> None:
    assert await Guests({"502": Device("nowhere", 0, "")}, 1, speed=1.0).order() is None


async def test_some_are_scheduled_and_some_cancelled_and_some_declare() -> None:
    tablet = Tablet(
        6, lambda name, args: {"slots": [{"at": "20:15", "free": True}]} if "slots" in name else None
    )
    table = guests(tablet, 3)
    for _ in range(60):
        await table.order()
    names = [name for name, _ in tablet.asked]
    assert 0 < names.count("order.cancel") < 15
    assert 0 < sum(args.get("due_at") == "20:15" for name, args in tablet.asked if name == "order.place") < 20
    declared = [args["allergens"] for name, args in tablet.asked if name == "stay.declare"]
    assert declared
    assert {code for codes in declared for code in codes} <= {"egg", "milk"}
