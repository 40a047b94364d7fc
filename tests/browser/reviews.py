"""A tablet that is about to order, and the hub's answers about what that would cost."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from playwright.async_api import expect

from tests.browser.frames import Frames
from tests.browser.screens import SOUP, Screens, Tablet

TEA: Final = "玉露 八女"
BEER: Final = "クラフトビール 小瓶"
DONUTS: Final = "わらび餅 黒蜜きな粉"  # counted
DINNER: Final = "夜食の小膳"  # 22:00 to 02:00
ORDERS: Final = "SELECT count(*) FROM app.orders WHERE room_number = $1"
JST: Final = "+09:00"


def japan(text: str) -> datetime:
    return datetime.fromisoformat(f"{text}{JST}")


def quote_of(total: int, first: datetime, last: datetime, fire: datetime | None = None) -> dict[str, Any]:
    """The hub's answer for a cart of one line, with an estimate."""
    tax = {"rate_bp": 1000, "base_amount": total, "tax_amount": total // 11}
    return {
        "quote": {
            "lines": [],
            "taxes": [tax],
            "subtotal_amount": total,
            "service_amount": 0,
            "service_charge_bp": 0,
            "tax_amount": tax["tax_amount"],
            "total_amount": total,
            "prices_include_tax": True,
            "estimate": {
                "fire_at": fire and fire.isoformat(),
                "from": first.isoformat(),
                "to": last.isoformat(),
            },
        }
    }


async def reviewed(
    screens: Screens, room: str, frames: Frames | None = None, port: int | None = None
) -> Tablet:
    """A tablet that is about to order a soup."""
    tablet = await screens.tablet(room, frames=frames, port=port)
    await tablet.add(SOUP["ja"])
    await tablet.review()
    await expect(tablet.place_button).to_be_enabled()
    return tablet
