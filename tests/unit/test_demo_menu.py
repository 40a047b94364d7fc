"""The demo's menu is what a hotel could put before its guests, and a careless change of it is refused."""

from __future__ import annotations

import copy
import json
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import msgspec
import pytest

from hub.demo import menu
from hub.demo.menu import IMAGES, MenuItem, build, load_menu
from hub.resources import static_directory

FOLDER = Path(menu.__file__).parent
PICTURES = static_directory() / "art" / "dishes"
ITEMS = load_menu().items
MOST_BYTES = 4096


def named(items: tuple[MenuItem, ...]) -> list[str]:
    return [item.key for item in items]


def test_it_is_a_whole_menu() -> None:
    loaded = load_menu()
    assert len(loaded.items) >= 60
    assert {item.category for item in loaded.items} == {category.key for category in loaded.categories}
    assert len(loaded.categories) == 8
    assert {item.station for item in loaded.items} == {"kitchen", "cold", "bar"}
    assert [station.key for station in loaded.stations] == ["kitchen", "cold", "bar"]


def test_it_has_one_of_everything_that_a_menu_can_have() -> None:
    assert any(item.days == (6, 7) for item in ITEMS)
    assert any(item.start_time and item.end_time and item.start_time > item.end_time for item in ITEMS)
    assert any(item.last_order_minutes for item in ITEMS)
    assert any(item.allergens is None for item in ITEMS)
    assert any(item.may_contain for item in ITEMS)
    assert any(item.stock_quantity for item in ITEMS)
    assert {item.tax_class for item in ITEMS if item.fulfilment == "fridge"} == {"food", "alcohol"}
    assert {tag for item in ITEMS for tag in item.tags} == {
        "signature",
        "vegetarian",
        "vegan",
        "spicy",
        "kids",
        "healthy",
    }
    groups = [group for item in ITEMS for group in item.options]
    assert any(group.min == 0 for group in groups)
    assert any(group.min == group.max == 3 for group in groups)
    assert any(choice.price < 0 for group in groups for choice in group.choices)
    assert any(choice.allergens is None for group in groups for choice in group.choices)
    assert [item.key for item in ITEMS if len([g for g in item.options if g.min]) >= 4]  # a set meal


def test_something_of_each_station_is_sold_at_any_hour() -> None:
    at_any_hour = [item for item in ITEMS if item.start_time is None and not item.age_restricted]
    assert {item.station for item in at_any_hour} == {"kitchen", "cold", "bar"}
    assert len(at_any_hour) >= 40


@pytest.mark.parametrize("text", ["name_ja", "description_ja"])
def test_japanese_is_written_as_in_japan(text: str) -> None:
    for item in ITEMS:
        words = getattr(item, text)
        assert re.search(r"[\u3041-\u30ff\u4e00-\u9fff]", words), words
        assert "," not in words, words
        assert "." not in words, words


def test_every_dish_has_a_picture_of_its_own_and_no_picture_is_left_over() -> None:
    assert {item.image_url for item in ITEMS} == {f"{IMAGES}/{key}.svg" for key in named(ITEMS)}
    assert {path.name for path in PICTURES.iterdir()} == {f"{key}.svg" for key in named(ITEMS)}


@pytest.mark.parametrize("key", named(ITEMS))
def test_a_picture_needs_nothing_but_itself(key: str) -> None:
    text = (PICTURES / f"{key}.svg").read_text("utf-8")
    assert len(text.encode()) < MOST_BYTES
    root = ElementTree.fromstring(text)
    width, height = map(float, root.attrib["viewBox"].split()[2:])
    assert width / height == pytest.approx(4 / 3)
    ids = {element.attrib["id"] for element in root.iter() if "id" in element.attrib}
    for element in root.iter():
        name = element.tag.removeprefix("{http://www.w3.org/2000/svg}")
        # No scripts and no inline styles, which the hub's policy would refuse; and no letters.
        assert name in {"svg", "g", "defs", "use", "path", "circle", "ellipse", "rect", "linearGradient",
                        "radialGradient", "stop", "clipPath"}, name  # fmt: skip
        for attribute, value in element.attrib.items():
            assert attribute != "style"
            assert not attribute.startswith("on")
            for inside in re.findall(r"url\(#(.+?)\)", value) + re.findall(r"^#([\w-]+)$", value):
                assert inside in ids or re.fullmatch(r"[0-9a-f]{3,8}", inside), value
            assert "http" not in value
            assert "data:" not in value


def files() -> tuple[dict[str, Any], dict[str, Any], dict[str, list[dict[str, Any]]]]:
    def read(name: str) -> Any:
        return json.loads((FOLDER / name).read_text("utf-8"))

    hotel = read("hotel.json")
    categories = [category["key"] for category in hotel["categories"]]
    return hotel, read("options.json"), {key: read(f"dishes/{key}.json") for key in categories}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"name_en": ""}, "name_en"),
        ({"name_en": "焼鮭 salmon"}, "has Japanese in it"),
        ({"description_ja": None}, "description_ja"),
        ({"allergens": ["prawn"]}, "unknown allergens prawn"),
        ({"may_contain": ["wheat"]}, "wheat is contained"),
        ({"station": "grill"}, "no station 'grill'"),
        ({"options": ["doneness", "doneness"]}, "doneness stands twice"),
        ({"options": ["salt"]}, "no options 'salt'"),
        ({"hours": "teatime"}, "no hours 'teatime'"),
        ({"last_order_minutes": 30}, "need hours"),
        ({"tags": ["cheap"]}, "tags"),
        ({"tags": ["vegan"]}, "vegetarian"),
        ({"price": -1}, "price"),
        ({"price": 50, "options": ["rice_size"]}, "less than nothing"),
        ({"age_restricted": True}, "adults"),
        ({"fulfilment": "fridge"}, "fridge"),
        ({"stock_quantity": 3}, "threshold"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_a_careless_dish_is_refused(change: dict[str, Any], reason: str) -> None:
    hotel, groups, dishes = files()
    soup = next(dish for dish in dishes["soup_salad"] if dish["key"] == "soup-onion")
    soup.update(change)
    with pytest.raises(msgspec.ValidationError, match=reason):
        build(hotel, groups, dishes)


@pytest.mark.parametrize(
    ("hours", "reason"),
    [
        ({"end_time": None}, "need hours"),
        ({"end_time": "06:30:00"}, "before it opens"),
        ({"last_order_minutes": 240}, "before it opens"),
        ({"days": [7, 6]}, "not in order"),
        ({"days": []}, "days"),
        ({"days": [8]}, "days"),
    ],
)
def test_careless_hours_are_refused(hours: dict[str, Any], reason: str) -> None:
    hotel, groups, dishes = files()
    hotel["hours"]["breakfast"].update(hours)
    with pytest.raises(msgspec.ValidationError, match=reason):
        build(hotel, groups, dishes)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"min": 3, "max": 2}, "3 to 2 of"),
        ({"max": 9}, "to 9 of 4 choices"),
        ({"choices": []}, "choices"),
        ({"choices": [{"key": "raw", "name_ja": "生", "name_en": "Raw"}]}, "allergens"),
    ],
)
def test_careless_options_are_refused(change: dict[str, Any], reason: str) -> None:
    hotel, groups, dishes = files()
    groups["doneness"].update(change)
    with pytest.raises(msgspec.ValidationError, match=reason):
        build(hotel, groups, dishes)


def test_a_key_stands_once() -> None:
    hotel, groups, dishes = files()
    dishes["light"].append(copy.deepcopy(dishes["light"][0]))
    with pytest.raises(msgspec.ValidationError, match="light-club stands twice"):
        build(hotel, groups, dishes)
