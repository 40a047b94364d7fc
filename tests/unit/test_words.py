import time
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hub.errors import InvalidInput
from hub.security.words import canonical_email, phone_number, plain_text, room_number

HIDING = (
    "\n\t\0\x1b\x7f\x85\u2028\u2029\u202a\u202b"
    "\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c"
    "\u200b\u2060\ufeff\u00ad\u180e\U000e0041\u200c\u200d\u034f\u3164"
    "\uffa0\u115f\u2800\ud800\udfff\ue000\U000f0000\ufdd0\ufffe\uffff"
    "\U0010ffff"
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Hanako.Sato@Hotel.Example", "hanako.sato@hotel.example"),
        ("  a@b.example\u3000", "a@b.example"),
        ("ｈａｎａｋｏ＠ｈｏｔｅｌ．ｅｘａｍｐｌｅ", "hanako@hotel.example"),
        ("ﬁona@hotel.example", "fiona@hotel.example"),
        ("\u212aen@hotel.example", "ken@hotel.example"),
        ("𝐤𝐞𝐧@hotel.example", "ken@hotel.example"),
        ("caf\u00e9@hotel.example", "café@hotel.example"),
        ("cafe\u0301@hotel.example", "café@hotel.example"),
        ("a@Bücher.example", "a@xn--bcher-kva.example"),
        ("a@xn--bcher-kva.example", "a@xn--bcher-kva.example"),
        ("a@旅館。example", "a@xn--zfvv75i.example"),
        ("a@straße.example", "a@xn--strae-oqa.example"),
        ("first.last+tag@mail.hotel.example", "first.last+tag@mail.hotel.example"),
    ],
)
def test_an_address_has_one_spelling(text: str, expected: str) -> None:
    assert canonical_email(text) == expected


def test_letters_of_another_script_are_another_address() -> None:
    assert canonical_email("аdmin@hotel.example") != canonical_email("admin@hotel.example")  # a Cyrillic a
    assert canonical_email("admin@hоtel.example").startswith("admin@xn--")  # a Cyrillic o shows itself


@pytest.mark.parametrize(
    "text",
    [
        "",
        "@",
        "a",
        "a@",
        "@b.example",
        "a b@hotel.example",
        "a@b@hotel.example",
        "a@hotel..example",
        ".a@hotel.example",
        "Hanako <a@hotel.example>",
        '"a b"@hotel.example',
        "a@[127.0.0.1]",
        "a@-hotel.example",
        "a@localhost",
        "a@hotel.example\nBcc: all@hotel.example",
        "a@hotel.example\n",
        f"{'x' * 65}@{'y.' * 95}example",
        f"a@{'x' * 64}.example",
        "x" * 1_000_000,
        "a@" + "\u0301" * 60_000,
        "a\ufe0f@hotel.example",
        *(f"a{char}b@hotel.example" for char in HIDING),
        *(f"a@ho{char}tel.example" for char in HIDING),
    ],
)
def test_what_is_no_address_is_refused(text: str) -> None:
    started = time.monotonic()
    with pytest.raises(InvalidInput) as caught:
        canonical_email(text)
    assert caught.value.field == "email"
    assert time.monotonic() - started < 1


@given(
    st.one_of(
        st.emails(),
        st.tuples(st.text(max_size=8), st.text(max_size=8)).map(lambda two: f"{two[0]}@{two[1]}.jp"),
    )
)
@example("İ@hotel.example")
@example("ΟΔΟΣ@hotel.example")
def test_an_address_in_its_one_spelling_stays_as_it_is(text: str) -> None:
    try:
        address = canonical_email(text)
    except InvalidInput:
        return
    assert canonical_email(address) == address
    assert len(address.encode()) <= 254
    assert address.partition("@")[2].isascii()
    assert canonical_email(unicodedata.normalize("NFD", text)) == address


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("  佐藤 花子\u3000", "佐藤 花子"),
        ("Jose\u0301 Nun\u0303ez-O'Brien", "José Nuñez-O'Brien"),
        ("ﾊﾅｺ", "ﾊﾅｺ"),
        ("葛\U000e0100飾", "葛\U000e0100飾"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("ශ\u0dca\u200dරී", "ශ\u0dca\u200dරී"),
        ("👨\u200d🍳 ❤\ufe0f", "👨\u200d🍳 ❤\ufe0f"),
        ("न\u094d\u200cम", "न\u094d\u200cम"),
        ("x" * 60, "x" * 60),
        ("e\u0301" * 60, "é" * 60),
    ],
)
def test_text_of_every_script_passes(text: str, expected: str) -> None:
    assert plain_text(text, "name", 60) == expected


@pytest.mark.parametrize("char", [*HIDING, " \ufe0f", "\ufe0f\ufe0f", "\u200d\u200d"])
def test_what_cannot_be_seen_is_refused(char: str) -> None:
    with pytest.raises(InvalidInput, match=r"cannot be seen") as caught:
        plain_text(f"Hanako{char}Sato", "guest_name", 60)
    assert caught.value.field == "guest_name"


@pytest.mark.parametrize("text", ["می\u200c", "\u200cمی", "\ufe0fx", "\u200b", "\u2800", "\u202eabc"])
def test_nor_at_the_edges_or_alone(text: str) -> None:
    with pytest.raises(InvalidInput):
        plain_text(text, "name", 60)


@pytest.mark.parametrize("text", ["", " ", "\n\t", "\u3000\u00a0"])
def test_only_space_is_nothing(text: str) -> None:
    with pytest.raises(InvalidInput, match="empty"):
        plain_text(text, "name", 60)
    assert plain_text(text, "name", 60, empty=True) == ""


@pytest.mark.parametrize(
    "text", ["x" * 61, "é" * 61, "e" + "\u0301" * 61, "x" * 1_000_000, "\u0301\u0323" * 60_000]
)
def test_a_text_has_an_end(text: str) -> None:
    started = time.monotonic()
    with pytest.raises(InvalidInput, match="at most 60"):
        plain_text(text, "name", 60)
    assert time.monotonic() - started < 1


@given(st.text(max_size=30))
def test_a_text_that_passed_once_passes_again_unchanged(text: str) -> None:
    try:
        plain = plain_text(text, "name", 30, empty=True)
    except InvalidInput:
        return
    assert plain_text(plain, "name", 30, empty=True) == plain
    plain.encode()
    assert not any(unicodedata.category(char) in ("Cc", "Cs", "Co") for char in plain)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("101", "101"),
        ("１０１", "101"),
        ("\u3000１０１ ", "101"),
        ("Ａ－１２", "A-12"),
        ("ｽｲｰﾄ", "スイート"),
        ("松の間", "松の間"),
        ("ﾀﾞ" * 20, "ダ" * 20),
    ],
)
def test_a_room_has_one_number(text: str, expected: str) -> None:
    assert room_number(text) == expected
    assert room_number(expected) == expected


@pytest.mark.parametrize("text", ["", "\u3000", "1" * 21, "㍿" * 6, "10\u200b1", "１" * 10**6])
def test_what_stands_on_no_door_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        room_number(text, "room")
    assert caught.value.field == "room"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("110", "110"),
        (" +81 (0)3-1234-5678 ", "+81 (0)3-1234-5678"),
        ("＋８１（０）３－１２３４－５６７８", "+81(0)3-1234-5678"),
        ("1" * 30, "1" * 30),
    ],
)
def test_phone_numbers(text: str, expected: str) -> None:
    assert phone_number(text, "phone") == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "12",
        "+--",
        "1 2 (",
        "1" * 31,
        "call me",
        "12a4",
        "٠١٢٣",
        "123\n",
        "12\u202e34",
        "\u200b123",
        "1;2345",
        "9" * 10**6,
    ],
)
def test_what_is_no_phone_number_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        phone_number(text, "phone")
    assert caught.value.field == "phone"
