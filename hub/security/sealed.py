"""What is sealed: every column with an encrypted text, and every blind index with the column it is made of.

The one list of them. Who adds such a column adds it here, and re-encryption finds it.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from typing import Final

from msgspec import Struct

from hub.security.words import canonical_email


class BlindIndex(Struct, frozen=True):
    """`column` finds rows by a text without opening it. `form` is what equal texts have in common."""

    column: str
    label: str
    form: Callable[[str], str]


class Sealed(Struct, frozen=True):
    """One encrypted column of a table, and the index that is made of it."""

    table: str
    column: str
    index: BlindIndex | None = None

    @property
    def names(self) -> list[str]:
        """The column, and that of its index behind it."""
        return [self.column] if self.index is None else [self.column, self.index.column]


def digits(phone: str) -> str:
    """A phone number as it is dialled: its digits, and `+`."""
    return "".join(c for c in unicodedata.normalize("NFKC", phone) if c.isdecimal() or c == "+")


STAFF_EMAIL: Final = BlindIndex("email_index", "staff.email", canonical_email)
GUEST_PHONE: Final = BlindIndex("guest_phone_index", "stays.guest_phone", digits)
SEALED: Final = (
    Sealed("tenants", "contact_email_encrypted"),
    Sealed("tenants", "contact_phone_encrypted"),
    Sealed("staff", "email_encrypted", STAFF_EMAIL),
    Sealed("staff", "totp_encrypted"),
    Sealed("stays", "guest_name_encrypted"),
    Sealed("stays", "guest_phone_encrypted", GUEST_PHONE),
    Sealed("webhooks", "secret_encrypted"),
)
INDEXES: Final = {one.index.label: one.index for one in SEALED if one.index is not None}
