"""What guests order: always something that the menu allows."""

from __future__ import annotations

import random

from hub.drive.appetite import Choice, Group, Item, Language, wish

HEAT = Group("heat", 1, 1, [Choice("mild"), Choice("hot")])
FILLINGS = Group("filling", 3, 3, [Choice(key) for key in "abcde"])
TOPPINGS = Group("topping", 0, 2, [Choice("egg"), Choice("nori")])


def item(number: int, minutes: int = 15, *options: Group, sold_out: bool = False) -> Item:
    return Item(f"item {number}", sold_out, False, number == 0, minutes, list(options))


MENU = [
    *(item(number, 15, HEAT, TOPPINGS) for number in range(6)),
    item(6, 8, FILLINGS),
    item(7, 3),
    item(8, 3),
    item(9, 20, sold_out=True),
]


def test_every_wish_is_an_order_that_the_hub_would_take() -> None:
    chance = random.Random(5)
    groups = {one.id: {group.key: group for group in one.options} for one in MENU}
    seen = set()
    for _ in range(500):
        wanted = wish(MENU, chance, "ja")
        assert wanted is not None
        assert wanted.lines
        for line in wanted.lines:
            seen.add(line.menu_item_id)
            taken: dict[str, list[str]] = {}
            for option in line.options:
                name, _, choice = option.partition(":")
                taken.setdefault(name, []).append(choice)
            for key, group in groups[line.menu_item_id].items():
                chosen = taken.pop(key, [])
                assert group.min <= len(set(chosen)) == len(chosen) <= group.max
                assert set(chosen) <= {choice.key for choice in group.choices}
            assert not taken
        assert len({line.menu_item_id for line in wanted.lines}) == len(wanted.lines)
    assert seen == {one.id for one in MENU} - {"item 9"}


def test_what_the_hotel_recommends_is_ordered_more_often() -> None:
    chance = random.Random(5)
    menu = [item(number) for number in range(10)]
    counts = {one.id: 0 for one in menu}
    for _ in range(2000):
        wanted = wish(menu, chance, "en")
        for line in wanted.lines if wanted else []:
            counts[line.menu_item_id] += 1
    others = [count for key, count in counts.items() if key != "item 0"]
    assert counts["item 0"] > 2 * max(others)


def test_the_same_seed_wishes_the_same() -> None:
    first, second = ([wish(MENU, random.Random(seed), "en") for seed in range(20)] for _ in range(2))
    assert first == second
    assert len({str(one) for one in first}) > 15


def test_notes_are_in_the_language_of_the_guest() -> None:
    chance = random.Random(1)
    words: dict[Language, str] = {"ja": "", "en": ""}
    for language in words:
        for _ in range(200):
            wanted = wish(MENU, chance, language)
            assert wanted is not None
            notes = [wanted.special_requests, *(line.note for line in wanted.lines)]
            words[language] += "".join(note for note in notes if note)
    assert words["en"].isascii()
    assert not any(letter.isascii() and letter.isalpha() for letter in words["ja"])


def test_an_empty_menu_makes_nobody_order() -> None:
    assert wish([], random.Random(1), "ja") is None
    assert wish([item(1, sold_out=True)], random.Random(1), "ja") is None
