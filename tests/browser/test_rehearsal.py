"""A rehearsal on the real kitchen page, in the browser that the command opens itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from hub.demo.hotel import SLUG
from tests.rehearse.commands import rehearse, said

if TYPE_CHECKING:
    from pathlib import Path

    from tests.browser.hub_process import HubProcess


async def test_push_to_paint_is_measured_on_the_kitchen_page(live_hub: HubProcess, tmp_path: Path) -> None:
    figures = tmp_path / "figures.json"
    where = ("--url", f"http://127.0.0.1:{live_hub.port}", "--hotel", SLUG, "--headless")
    rush = ("--orders", "4", "--minutes", "2", "--speed", "100", "--seed", "5", "--json", str(figures))
    async with rehearse(live_hub.settings, *where, *rush) as process:
        ended, words = await said(process)
    assert ended == 0, words
    found: dict[str, Any] = msgspec.json.decode(figures.read_bytes())
    assert (found["confirmed"], found["unseen"], found["faults"]) == (4, 0, {})
    assert found["push_to_paint_ms"]["count"] == 4
    # two frames of the page, the wire and two commits; a busy machine takes longer
    assert 1 < found["push_to_paint_ms"]["max"] < 20_000
