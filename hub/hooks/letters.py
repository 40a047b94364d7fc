"""The letter to a manager about an order that nobody accepts, in the language of the hotel."""

from __future__ import annotations

from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from msgspec import Struct

from hub.staff.mail import Letter

_TEXTS: Final = {
    "en": (
        "{hotel}: nobody has accepted the order of room {room}",
        "{name},\n\nroom {room} of {hotel} ordered at {time} (order {number}), and nobody has accepted it. "
        "{seen}\n\nPlease call the kitchen now. The guest’s tablet shows the phone number of the hotel.",
    ),
    "ja": (
        "{hotel}: {room}号室のご注文が受け付けられていません",
        "{name} 様\n\n{hotel} {room}号室から{time}にご注文（番号{number}）がありましたが、"
        "まだ誰も受け付けていません。"
        "{seen}\n\nすぐに厨房へご連絡ください。客室のタブレットには、ホテルの電話番号が表示されています。",
    ),
}
_SEEN: Final = {
    ("en", True): "It is on the kitchen’s screen.",
    ("en", False): "No screen of the kitchen has shown it.",
    ("ja", True): "厨房の画面には表示されています。",
    ("ja", False): "厨房のどの画面にも表示されていません。",
}


class Told(Struct, frozen=True):
    """What a delivery says of its order."""

    order_number: int
    room_number: str
    placed_at: datetime
    shown_at: datetime | None


class Message(Struct, frozen=True):
    data: Told


def compose(told: Told, *, locale: str, time_zone: str, hotel: str, name: str, to: str) -> Letter:
    """Times are the hotel's own."""
    subject, text = _TEXTS[locale]
    words = {
        "hotel": hotel,
        "name": name,
        "room": told.room_number,
        "number": told.order_number,
        "time": told.placed_at.astimezone(ZoneInfo(time_zone)).strftime("%H:%M"),
        "seen": _SEEN[locale, told.shown_at is not None],
    }
    return Letter(to=to, subject=subject.format(**words), text=text.format(**words) + "\n")
