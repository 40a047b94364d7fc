"""Recordings: what a file must hold, and lines that fit a menu which has changed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from hub.errors import InvalidInput, SettingError
from hub.rehearse import script as scripts
from hub.rehearse import source
from hub.rehearse.evening import evening
from hub.rehearse.script import Line, Ordered, Script, fitting, read, write

DEMO = source.demo()
STEAK = next(dish for dish in DEMO.dishes if dish.id == "main-sirloin")
SOUP = next(dish for dish in DEMO.dishes if dish.id == "soup-onion")
SCRIPT = replace(DEMO, orders=[Ordered(0.0, 2, [Line(SOUP.id, 1)], accepted=8.0)])


def test_a_recording_is_read_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "evening.json"
    write(path, SCRIPT)
    assert read(path) == SCRIPT
    assert read(path).rooms == 2


def test_a_file_that_cannot_be_read_or_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match=r"cannot read .*none.json: No such file"):
        read(tmp_path / "none.json")
    with pytest.raises(SettingError, match=r"cannot write .*nowhere.*: No such file"):
        write(tmp_path / "nowhere" / "evening.json", SCRIPT)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"format": "hub rehearsal 2"}, 'does not say "format"'),
        ({"hotel": "../etc"}, "hotel"),
        ({"orders": []}, "has no orders"),
        ({"dishes": []}, "dishes"),
        ({"service_charge_bp": -1}, "service_charge_bp"),
        ({"orders": [{"at": -1.0, "room": 1, "lines": [{"dish": SOUP.id, "quantity": 1}]}]}, "at"),
        ({"orders": [{"at": 0.0, "room": 1, "lines": []}]}, "lines"),
        ({"orders": [{"at": 0.0, "room": 0, "lines": [{"dish": SOUP.id, "quantity": 1}]}]}, "room"),
        ({"orders": [{"at": 0.0, "room": 1, "lines": [{"dish": SOUP.id, "quantity": 0}]}]}, "quantity"),
        (
            {"orders": [{"at": 0.0, "room": 1, "lines": [{"dish": "kraken", "quantity": 1}]}]},
            "order 0 has an unknown dish 'kraken'",
        ),
    ],
)
def test_a_recording_that_makes_no_sense_is_refused(
    tmp_path: Path, change: dict[str, Any], reason: str
) -> None:
    path = tmp_path / "evening.json"
    path.write_bytes(msgspec.json.encode({**msgspec.to_builtins(SCRIPT), **change}))
    with pytest.raises(InvalidInput, match=reason):
        read(path)


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b'"evening"', b"\xff\xfe"])
def test_what_is_no_recording_is_refused(tmp_path: Path, raw: bytes) -> None:
    path = tmp_path / "evening.json"
    path.write_bytes(raw)
    with pytest.raises(InvalidInput, match="is no"):
        read(path)


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        (replace(SCRIPT, dishes=[*DEMO.dishes, SOUP]), "a dish stands twice"),
        (replace(SCRIPT, orders=[Ordered(at, 1, [Line(SOUP.id, 1)]) for at in (60.0, 5.0)]),
         "order 1 is before order 0"),
        (replace(SCRIPT, orders=[Ordered(0.0, 1001, [Line(SOUP.id, 1)])]), "room"),
        (replace(SCRIPT, orders=[]), "has no orders"),
    ],
)  # fmt: skip
def test_what_would_not_be_read_is_not_written(tmp_path: Path, script: Script, reason: str) -> None:
    path = tmp_path / "evening.json"
    with pytest.raises(InvalidInput, match=reason) as refused:
        write(path, script)
    assert refused.value.field == "out"
    assert not path.exists()
    path.write_bytes(msgspec.json.encode(script))
    with pytest.raises(InvalidInput, match=reason) as refused:
        read(path)
    assert refused.value.field == "from"


def test_a_file_beyond_measure_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "evening.json"
    write(path, SCRIPT)
    monkeypatch.setattr(scripts, "MOST_BYTES", 1000)
    with pytest.raises(InvalidInput, match="larger than"):
        read(path)
    with pytest.raises(InvalidInput, match=r"larger than .* choose a shorter time"):
        write(tmp_path / "another.json", SCRIPT)


def test_a_line_fits_the_dish_as_it_is_sold_now() -> None:
    asked = Line(STEAK.id, 2, ["doneness:rare", "steak_size:large", "spice:hot", "doneness:well_done"])
    assert fitting(asked, STEAK) == Line(
        STEAK.id,
        2,
        ["doneness:rare", "steak_size:large", "steak_sauce:wasabi", "staple:rice"],
    )
    assert fitting(Line(SOUP.id, 1, ["doneness:rare"]), SOUP) == Line(SOUP.id, 1)


def made(seed: int, count: int = 300) -> list[Ordered]:
    return evening(DEMO.dishes, count=count, seconds=600.0, rooms=12, seed=seed)


def test_an_evening_has_its_rush_in_the_middle() -> None:
    orders = made(4)
    moments = [order.at for order in orders]
    assert len(orders) == 300
    assert moments == sorted(moments)
    assert 0 <= moments[0] < moments[-1] < 600
    inside = sum(200 <= moment < 400 for moment in moments)
    assert inside > 150  # a third of the time
    assert {order.room for order in orders} == set(range(1, 13))


def test_the_same_seed_makes_the_same_evening() -> None:
    assert made(4, 40) == made(4, 40) != made(5, 40)


def test_an_evening_is_what_the_menu_offers() -> None:
    dishes = {dish.id: dish for dish in DEMO.dishes}
    for order in made(6):
        for line in order.lines:
            assert dishes[line.dish].fulfilment == "room_service"
            assert fitting(line, dishes[line.dish]) == line


def test_nothing_to_sell_makes_no_evening() -> None:
    fridge = [dish for dish in DEMO.dishes if dish.fulfilment == "fridge"]
    assert evening(fridge, count=9, seconds=60.0, rooms=2, seed=1) == []
    assert isinstance(SCRIPT, Script)
