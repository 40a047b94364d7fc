from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Origin, Subprotocol

from hub.realtime.protocol import SUBPROTOCOL
from tests.realtime.conftest import Live, running

if TYPE_CHECKING:
    from hub.settings import Settings


async def upgrade(live: Live, origin: str | None) -> int:
    """The status that a page of this origin gets for its WebSocket."""
    request = connect(
        f"ws://{live.host}:{live.port}/ws",
        subprotocols=[Subprotocol(SUBPROTOCOL)],
        origin=None if origin is None else Origin(origin),
    )
    try:
        async with request as screen:
            answer = screen.response
    except InvalidStatus as error:
        answer = error.response
    assert answer is not None
    return answer.status_code


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1"])
async def test_a_page_from_elsewhere_gets_no_socket(live: Live, origin: str) -> None:
    assert await upgrade(live, origin) == 403


async def test_the_own_pages_and_programs_get_one(live: Live) -> None:
    assert await upgrade(live, f"http://{live.host}:{live.port}") == 101
    assert await upgrade(live, None) == 101


async def test_the_settings_name_others(settings: Settings) -> None:
    more = msgspec.structs.replace(
        settings, allowed_origins=("https://pages.example",), public_url="https://hub.example"
    )
    async with running(more, relay=False) as live:
        assert await upgrade(live, "https://pages.example") == 101
        assert await upgrade(live, "https://hub.example") == 101
        assert await upgrade(live, "https://evil.example") == 403
