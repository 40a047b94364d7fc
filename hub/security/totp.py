"""The second factor: codes of six digits from an app (TOTP, RFC 6238), and written ones for a lost phone."""

from __future__ import annotations

import hmac
import secrets
import unicodedata
from typing import TYPE_CHECKING, Final

import pyotp

from hub.security.credentials import digest

if TYPE_CHECKING:
    from datetime import datetime

_DIGITS: Final = 6
_RECOVERY_CODES: Final = 10
_GROUPS: Final = 4
_GROUP: Final = 4
# Crockford's alphabet: no letter that is taken for a digit. 16 of its characters are 80 random bits, so that
# a plain hash protects them well enough.
_ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"
_READ_AS: Final = str.maketrans({"o": "0", "i": "1", "l": "1", "-": None, " ": None})


def new_secret() -> str:
    """160 random bits in base32, as apps expect them."""
    return pyotp.random_base32()


def uri(secret: str, account: str, issuer: str) -> str:
    """The `otpauth:` address that an app reads from a QR code. It holds the secret: never log it."""
    return pyotp.TOTP(secret).provisioning_uri(name=account, issuer_name=issuer)


def verify(secret: str, code: str, at: datetime, last_step: int | None) -> int | None:
    """The step of 30 seconds whose code this is, or None. Store it: it is the next call's `last_step`.

    One step either side of `at` counts, for a clock that is a little off. A step that was used, or lies
    before one that was, never counts again. `at` has a time zone.
    """
    if not (len(code) == _DIGITS and code.isascii() and code.isdecimal()):
        return None
    totp = pyotp.TOTP(secret, digits=_DIGITS)
    now = totp.timecode(at)
    found = None
    # All three are compared in any case, and the last match wins: two steps may have the same code, which is
    # used up with the later one.
    for step in (now - 1, now, now + 1):
        same = hmac.compare_digest(totp.generate_otp(step), code)
        if same and (last_step is None or step > last_step):
            found = step
    return found


def new_recovery_codes() -> list[str]:
    """Ten codes like `7k2m-04xq-bn9d-t6wz`: show them once, store the `recovery_digest` of each."""
    return [
        "-".join("".join(secrets.choice(_ALPHABET) for _ in range(_GROUP)) for _ in range(_GROUPS))
        for _ in range(_RECOVERY_CODES)
    ]


def recovery_digest(code: str) -> bytes:
    """The 32 bytes to store or to look for; the same for capitals, other groups, and O read for 0."""
    return digest(unicodedata.normalize("NFKC", code[:100]).casefold().translate(_READ_AS))
