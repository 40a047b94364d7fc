"""Signatures of what is sent, as in Standard Webhooks (standardwebhooks.com), version 1, symmetric."""

from __future__ import annotations

import base64
import hmac
import secrets
from hashlib import sha256
from typing import Final

_PREFIX: Final = "whsec_"
_BYTES: Final = 32


def new_secret() -> str:
    """256 random bits, as both sides keep them."""
    return _PREFIX + base64.b64encode(secrets.token_bytes(_BYTES)).decode()


def headers(secret: str, message_id: str, seconds: int, body: bytes) -> dict[str, str]:
    """What proves that `body` comes from here and is of now; `seconds` is Unix time.

    The receiver makes the same signature, compares, and refuses a time that is some minutes off.
    """
    key = base64.b64decode(secret.removeprefix(_PREFIX))
    signed = b"%s.%d.%s" % (message_id.encode(), seconds, body)
    signature = base64.b64encode(hmac.digest(key, signed, sha256)).decode()
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(seconds),
        "webhook-signature": f"v1,{signature}",
    }
