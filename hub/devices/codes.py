"""The code that a screen shows and a person types: pure."""

from __future__ import annotations

import re
import secrets
import unicodedata
from typing import Final

# Consonants make no words, and none is taken for a digit. 20^8 codes are 34.6 bits, enough for ten minutes
# behind a limit of guesses.
ALPHABET: Final = "BCDFGHJKLMNPQRSTVWXZ"
_LENGTH: Final = 8
_TYPED: Final = re.compile(f"[{ALPHABET}]{{{_LENGTH}}}")
_BETWEEN: Final = re.compile(r"[\s_\u2010-\u2015\u2212\u30fc\uff0d.-]+")
# Longer than any spelling of a code.
_LONGEST: Final = 40


def new_code() -> str:
    """A random code, as `XXXX-XXXX`."""
    return shown("".join(secrets.choice(ALPHABET) for _ in range(_LENGTH)))


def shown(letters: str) -> str:
    return f"{letters[: _LENGTH // 2]}-{letters[_LENGTH // 2 :]}"


def read_code(text: str) -> str | None:
    """The code that was typed, as `XXXX-XXXX`: small letters, full-width ones, spaces and any or no hyphen do
    not matter. None when it cannot be one."""
    if len(text) > _LONGEST:
        return None
    letters = _BETWEEN.sub("", unicodedata.normalize("NFKC", text)).upper()
    return shown(letters) if _TYPED.fullmatch(letters) else None
