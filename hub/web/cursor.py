"""Positions in lists that come in pages: opaque to clients, so that nobody builds one."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final, TypeAlias
from uuid import UUID

from msgspec import Meta

from hub.errors import InvalidInput

# For the description alone: what does not fit is refused by `read_cursor`, in words of its own.
Cursor: TypeAlias = Annotated[
    str, Meta(extra_json_schema={"pattern": "^A[A-Za-z0-3][A-Za-z0-9_-]{30}$"}, description="Opaque.")
]
TextCursor: TypeAlias = Annotated[
    str, Meta(extra_json_schema={"pattern": "^([A-Za-z0-9_-]{4})+$"}, description="Opaque.")
]
Position: TypeAlias = tuple[datetime, UUID]
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
START: Final[Position] = (_EPOCH, UUID(int=0))
# The last moment that fits into eight bytes and into a datetime of every time zone.
END: Final[Position] = (datetime(9999, 1, 1, tzinfo=UTC), UUID(int=2**128 - 1))
_LONGEST: Final = 400


def cursor(created_at: datetime, row_id: UUID) -> str:
    """A position between two rows: 8 bytes of microseconds since 1970, 16 of the id."""
    micros = (created_at - _EPOCH) // timedelta(microseconds=1)
    return urlsafe_b64encode(micros.to_bytes(8, "big") + row_id.bytes).decode()


def read_cursor(text: str) -> Position:
    """The inverse of `cursor`. Raises InvalidInput."""
    try:
        data = urlsafe_b64decode(text)
        if len(data) == 24 and urlsafe_b64encode(data).decode() == text:
            micros = int.from_bytes(data[:8], "big")
            return _EPOCH + timedelta(microseconds=micros), UUID(bytes=data[8:])
    except (ValueError, OverflowError):
        pass
    raise _unknown()


def text_cursor(text: str) -> str:
    """A position in a list that is sorted by a text."""
    data = text.encode()
    return urlsafe_b64encode(data + b"\n" * (-len(data) % 3)).decode()


def read_text_cursor(cursor: str) -> str:
    """The inverse of `text_cursor`. Raises InvalidInput."""
    try:
        text = urlsafe_b64decode(cursor).decode().rstrip("\n")
    except ValueError:
        raise _unknown() from None
    if not cursor or len(cursor) > _LONGEST or "\0" in text or text_cursor(text) != cursor:
        raise _unknown()
    return text


def _unknown() -> InvalidInput:
    return InvalidInput("This is not a position of this list.", field="after")
