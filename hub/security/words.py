"""Words that people type: brought to one form, and refused when they hide something.

What cannot be seen can lie: two names that look alike and differ, a text that reads backwards, a line feed
that forges a mail header. Everything here raises InvalidInput with the field at fault.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from email_validator import EmailNotValidError, validate_email

from hub.errors import InvalidInput

ROOM_LENGTH: Final = 20
_LONGEST_EMAIL: Final = 254
_PHONE: Final = re.compile(r"[0-9 +()-]{3,30}")
_SHORTEST_PHONE: Final = 3
# Blank, yet letters or marks for Unicode: fillers of hangul and khmer, an empty braille cell, and the joiner
# of graphemes.
_BLANK: Final = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
_JOINERS: Final = frozenset("\u200c\u200d")
_HIDDEN: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})
_VIRAMA: Final = 9
# A normal form has at most so many times fewer characters, and normalising a very long text takes long.
_SHRINKS: Final = 4


def canonical_email(text: str) -> str:
    """The one spelling of an address: what it normalises to (NFKC) in lower case, its domain in ASCII (IDNA).

    Not folded further: `straße` and `strasse` are two mailboxes, maybe of two people.
    """
    if len(text) <= _SHRINKS * _LONGEST_EMAIL:
        text = text.strip(" \u3000")
        folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).lower())
        if not any(_hidden(char) or _selects(char) for char in folded):
            try:
                found = validate_email(folded, check_deliverability=False)
            except EmailNotValidError:
                found = None
            if found is not None and found.ascii_domain:
                address = f"{found.local_part}@{found.ascii_domain}"
                if len(address.encode()) <= _LONGEST_EMAIL:
                    return address
    raise InvalidInput("This is not an e-mail address.", field="email")


def plain_text(text: str, field: str, longest: int, *, empty: bool = False) -> str:
    """One line of text in NFC, trimmed, with at most `longest` characters; `empty` allows none at all."""
    if len(text) <= _SHRINKS * longest:
        text = unicodedata.normalize("NFC", text.strip())
    if len(text) > longest:
        raise InvalidInput(f"This is too long: at most {longest} characters.", field=field)
    if not text and not empty:
        raise InvalidInput("This must not be empty.", field=field)
    for at, char in enumerate(text):
        if char in _JOINERS:
            fine = _joins(text[at - 1 : at], text[at + 1 : at + 2])
        elif _selects(char):
            fine = at > 0 and not _selects(text[at - 1]) and not text[at - 1].isspace()
        else:
            fine = not _hidden(char)
        if not fine:
            raise InvalidInput(
                f"Character {at + 1} (U+{ord(char):04X}) cannot be seen; leave it out.", field=field
            )
    return text


def room_number(text: str, field: str = "room_number") -> str:
    """What stands on a door, in NFKC, 1 to `ROOM_LENGTH` characters: `１０１` and `101` are one room."""
    if len(text) <= _SHRINKS * ROOM_LENGTH:
        text = unicodedata.normalize("NFKC", text)
    return plain_text(text, field, ROOM_LENGTH)


def phone_number(text: str, field: str) -> str:
    """Digits, spaces, `+`, `-` and brackets, 3 to 30 of them; full-width ones become plain ones."""
    if len(text) <= _SHRINKS * 30:
        number = unicodedata.normalize("NFKC", text).strip(" ")
        if _PHONE.fullmatch(number) and sum(map(str.isdecimal, number)) >= _SHORTEST_PHONE:
            return number
    raise InvalidInput("A phone number has 3 to 30 digits, spaces, +, - and brackets.", field=field)


def _hidden(char: str) -> bool:
    code = ord(char)
    nothing = 0xFDD0 <= code <= 0xFDEF or code & 0xFFFE == 0xFFFE  # never a character, in any Unicode to come
    return nothing or char in _BLANK or unicodedata.category(char) in _HIDDEN


def _selects(char: str) -> bool:
    """Variation selectors: which shape of a kanji a family writes its name with, or that of an emoji."""
    return "\ufe00" <= char <= "\ufe0f" or "\U000e0100" <= char <= "\U000e01ef"


def _joins(before: str, after: str) -> bool:
    """Whether a zero-width joiner or non-joiner does something visible between these two.

    Persian words are misspelt without it, Sinhala and Hindi conjuncts need it after a virama, and emoji of
    people are made with it. Between all other characters it only makes equal words differ.
    """
    if not before or not after:
        return False
    if unicodedata.combining(before) == _VIRAMA:
        return True
    if unicodedata.bidirectional(before) == unicodedata.bidirectional(after) == "AL":
        return True
    pictures = unicodedata.category(before) in ("So", "Sk") or before == "\ufe0f"
    return pictures and unicodedata.category(after) == "So"
