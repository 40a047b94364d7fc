"""The pictures of the demo's dishes, as a page of the hub loads them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hub.demo.menu import load_menu
from tests.browser.screens import TABLET_SIZE

if TYPE_CHECKING:
    from tests.browser.screens import Screens

LOAD = """async (addresses) => Promise.all(addresses.map(async (src) => {
  const image = new Image();
  image.src = src;
  await image.decode();
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [4, 3];
  const pen = canvas.getContext("2d");
  pen.drawImage(image, 0, 0, 4, 3);
  const opaque = pen.getImageData(0, 0, 4, 3).data.every((value, at) => at % 4 < 3 || value === 255);
  return { ratio: image.naturalWidth / image.naturalHeight, opaque };
}))"""


async def test_every_dish_is_drawn_under_the_policy_of_the_pages(screens: Screens) -> None:
    page = await screens.page("/tablet", TABLET_SIZE)
    drawn = await page.evaluate(LOAD, [item.image_url for item in load_menu().items])
    assert {round(picture["ratio"], 2) for picture in drawn} == {1.33}
    assert all(picture["opaque"] for picture in drawn)
