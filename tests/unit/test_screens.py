"""What a kitchen screen may be set to."""

from __future__ import annotations

from typing import Any

import pytest

from hub.devices.screens import ConfigureScreen, check, read_settings
from hub.errors import InvalidInput
from hub.operations import decode

EVERYTHING: dict[str, Any] = {
    "view": "runner",
    "stations": ["fry", "cold"],
    "columns": 8,
    "text_size": 120,
    "rail": True,
    "sounds": {"arrived": True, "changed": False, "cancelled": True, "ready": False, "unaccepted": True,
               "late": True, "volume": 0},
    "thresholds": {"soon": 70, "late": 100},
    "keys": {"bump": "Enter", "select_1": "1", "search": "/"},
    "shortcuts": False,
    "language": "ja",
}  # fmt: skip


@pytest.mark.parametrize("chosen", [{}, EVERYTHING, {"stations": None, "columns": None}, {"keys": {}}])
def test_what_was_chosen_is_kept_as_it_was(chosen: dict[str, Any]) -> None:
    assert read_settings(chosen) == chosen


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"view": "bar"}, "settings.view"),
    ({"stations": ["Fry Station"]}, "settings.stations[0]"),
    ({"stations": ["x"] * 21}, "settings.stations"),
    ({"columns": 2}, "settings.columns"),
    ({"columns": 9}, "settings.columns"),
    ({"text_size": 79}, "settings.text_size"),
    ({"sounds": {"volume": 101}}, "settings.sounds.volume"),
    ({"sounds": {"song": True}}, "settings.sounds"),
    ({"thresholds": {"soon": 70}}, "settings.thresholds"),
    ({"thresholds": {"soon": 100, "late": 100}}, "settings.thresholds.late"),
    ({"keys": {"bump": "a", "undo": "a"}}, "settings.keys"),
    ({"keys": {"bump": ""}}, "settings.keys[...]"),
    ({"keys": {"bump": "a\nb"}}, "settings.keys[...]"),
    ({"keys": {f"k{n}": str(n) for n in range(61)}}, "settings.keys"),
    ({"language": "de"}, "settings.language"),
    ({"password": "x"}, "settings"),
]


@pytest.mark.parametrize(("chosen", "field"), WRONG, ids=[str(row[0])[:40] for row in WRONG])
def test_what_makes_no_sense_is_refused_by_its_name(chosen: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        read_settings(chosen)
    assert caught.value.field == field


def test_the_screen_itself_is_refused_the_same() -> None:
    for text in ('{"settings": {"columns": 2}}', '{"settings": {"keys": {"bump": "a", "undo": "a"}}}', "{}"):
        with pytest.raises(InvalidInput):
            check(decode(text.encode(), ConfigureScreen).settings)
