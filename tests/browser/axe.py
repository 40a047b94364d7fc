"""axe-core on a page: what it is to those who cannot see it, or cannot use a mouse."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playwright.async_api import Page

RUN = """(options) => axe.run(document, options).then(({ violations }) => violations.map((each) => ({
    rule: each.id, impact: each.impact, nodes: each.nodes.map((node) => node.html.slice(0, 160)),
})))"""
# Without a look into the style sheets, for which it would put styles of its own into the page.
OPTIONS = {"resultTypes": ["violations"], "preload": False}


@cache
def _script() -> str:
    return (files("axe_playwright_python") / "axe.min.js").read_text()


async def findings(page: Page) -> list[dict[str, Any]]:
    """Every serious or critical finding of axe-core on the page as it is now: rule, impact and elements."""
    if not await page.evaluate("() => 'axe' in globalThis"):
        await page.evaluate(_script())
    found: list[dict[str, Any]] = await page.evaluate(RUN, OPTIONS)
    return [each for each in found if each["impact"] in ("serious", "critical")]
