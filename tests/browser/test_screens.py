"""What all pages share: their modules, and letters that are drawn."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from tests.browser.probes import GLYPHS

if TYPE_CHECKING:
    from tests.browser.screens import Kitchen, Tablet

NODE = shutil.which("node")


def test_the_modules_of_the_pages() -> None:
    assert NODE is not None, "install nodejs"
    run = subprocess.run(
        [NODE, "--test", "."],
        cwd=Path(__file__).parent / "js",
        env={"NODE_NO_WARNINGS": "1"},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert run.returncode == 0, run.stdout


async def test_japanese_is_drawn_not_boxed(tablet: Tablet, kitchen: Kitchen) -> None:
    letters = list("和朝食御膳蕎麦号室厨房取消遅お届けメニュー円、")
    for page in (tablet.page, kitchen.page):
        drawn = await page.evaluate(GLYPHS, letters)
        assert len(drawn) == 2 * len(letters)
        assert all(drawn)
