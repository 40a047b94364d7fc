"""What a guest must not eat: marked or hidden on the menu, told to the kitchen for the stay, asked about
again before an order."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from playwright.async_api import expect

from tests.browser.screens import SOUP, Screens, Tablet

if TYPE_CHECKING:
    from hub.db.pool import Connection
    from tests.browser.frames import Frames
    from tests.browser.hub_process import HubProcess

CLAM: Final = "はまぐりのお吸い物"  # nobody has confirmed what is in it
TEMPURA: Final = "天ぷら盛り合わせ"  # shrimp and more; may contain crab
CURRY: Final = "ホテル伝統のビーフカレー"
TEA: Final = "玉露 八女"
MILK: Final = "乳"
CRAB: Final = "かに"


async def _avoid(tablet: Tablet, *names: str, hide: bool = False) -> None:
    """Choose allergens on their page; nothing is pressed yet."""
    await tablet.page.locator(".allergies-chip").click()
    for name in names:
        await tablet.page.locator("allergy-view").get_by_role("button", name=name, exact=True).click()
    if hide:
        await tablet.page.locator("#hide-conflicts").check()


async def _mark(tablet: Tablet) -> None:
    await tablet.page.get_by_role("button", name="お品書きに反映するだけ").click()


async def _tell(tablet: Tablet) -> None:
    await tablet.page.get_by_role("button", name="厨房に伝える").click()
    await expect(tablet.page.locator(".allergies-chip")).to_contain_text("お伝え済み")


async def test_unknown_allergens_are_never_called_none(screens: Screens, room: str) -> None:
    tablet = await screens.tablet(room)
    unknown = "アレルギー物質は未確認です。お尋ねください"
    await expect(tablet.dish(CLAM).locator(".allergens")).to_have_text(unknown)
    await expect(tablet.dish(TEA).locator(".allergens")).to_have_text(
        "表示対象のアレルギー物質は使用していません"
    )
    shown = tablet.dish(TEMPURA).locator(".allergens span:not(.visually-hidden)")
    await expect(shown).to_have_text(["えび", "小麦", "卵", "いか", "大豆"])
    await tablet.open(CLAM)
    await expect(tablet.page.locator(".item-facts .unknown")).to_contain_text(unknown)


async def test_g12_the_page_of_a_dish_lists_what_it_contains_and_may_contain(
    screens: Screens, room: str
) -> None:
    tablet = await screens.tablet(room)
    await tablet.open(TEMPURA)
    facts = tablet.page.locator(".item-facts .fact")
    await expect(facts.nth(0)).to_have_text("アレルギー物質えび、小麦、卵、いか、大豆")
    await expect(facts.nth(1)).to_have_text(f"混入の可能性{CRAB}")
    await tablet.home()
    await tablet.open("和牛ハンバーグ デミグラスソース")
    await expect(facts.nth(0)).not_to_contain_text("えび")
    await tablet.home()
    await tablet.open("和牛サーロインの炭火焼")
    await expect(facts.nth(0)).to_have_text("アレルギー物質牛肉")
    await tablet.choose("赤ワインソース")
    await expect(facts.nth(0)).to_have_text("アレルギー物質牛肉、乳、小麦")


async def test_g12_allergens_mark_the_menu_or_hide_what_has_them(screens: Screens, room: str) -> None:
    tablet = await screens.tablet(room)
    dishes = tablet.page.locator("dish-card")
    whole = await dishes.count()
    await _avoid(tablet, CRAB)
    await expect(tablet.page.locator(".allergy-state")).to_have_text("まだ厨房にはお伝えしていません。")
    await _mark(tablet)
    await expect(tablet.page.locator(".allergies-chip")).to_have_text(f"避ける：{CRAB}")
    await expect(tablet.dish(TEMPURA).locator(".warning")).to_have_text(f"{CRAB}が混入する可能性があります。")
    await expect(tablet.dish("ずわい蟹のマカロニグラタン").locator(".warning")).to_have_text(
        f"{CRAB}を含みます。"
    )
    await expect(tablet.dish(CLAM).locator(".warning")).to_contain_text("アレルギー物質は未確認です。")
    await expect(tablet.dish(SOUP["ja"]).locator(".warning")).to_be_hidden()
    await tablet.picture("marked")
    await expect(dishes).to_have_count(whole)
    await tablet.page.locator(".allergies-chip").click()
    await tablet.page.locator("#hide-conflicts").check()
    await _mark(tablet)
    for name in (TEMPURA, CLAM):
        await expect(tablet.dish(name)).to_have_count(0)
    hidden = tablet.page.locator(".hidden-note")
    await expect(hidden).to_contain_text(re.compile(r"\d+品を表示していません"))
    await hidden.get_by_role("button").click()
    await expect(dishes).to_have_count(whole)


async def test_a_declared_allergy_is_kept_for_the_stay_and_asked_about_before_an_order(
    screens: Screens, room: str, admin: Connection, frames: Frames
) -> None:
    tablet = await screens.tablet(room, frames=frames)
    await _avoid(tablet, MILK)
    await _tell(tablet)
    stays = "SELECT allergens FROM app.stays WHERE room_number = $1 AND ended_at IS NULL"
    assert await admin.fetchval(stays, room) == ["milk"]
    await expect(tablet.dish(SOUP["ja"]).locator(".warning")).to_have_text(f"{MILK}を含みます。")
    await tablet.add(SOUP["ja"])
    await tablet.add(TEA)
    await tablet.review()
    lines = tablet.page.locator(".review-lines > li")
    await expect(lines.nth(0).locator(".warning")).to_have_text(f"{MILK}を含みます。")
    await expect(lines.nth(1).locator(".warning")).to_be_hidden()
    await tablet.place_button.click()
    question = tablet.page.get_by_role("dialog", name="アレルギーをご確認ください")
    await expect(question.locator("li")).to_have_text([f"{SOUP['ja']}：{MILK}"])
    await tablet.picture("asked")
    await question.get_by_role("button", name="見直す").click()
    await expect(tablet.place_button).to_be_enabled()
    orders = "SELECT count(*) FROM app.orders WHERE room_number = $1"
    assert await admin.fetchval(orders, room) == 0
    await tablet.place_button.click()
    await question.get_by_role("button", name="承知のうえで注文する").click()
    await expect(tablet.received).to_be_visible()
    await expect(tablet.page.locator("order-card .warning")).to_have_text(
        f"アレルギー（{MILK}）を厨房に伝えました"
    )
    sent = frames.sent("order.place")
    assert [each.get("allergens_confirmed", False) for each in sent] == [False, False, True]
    ids = [frame["op_id"] for frame in frames.commands if frame["name"] == "order.place"]
    assert len(set(ids)) == 3, "after a refusal it is another order"


async def test_what_is_not_confirmed_is_asked_about_as_well(screens: Screens, room: str) -> None:
    tablet = await screens.tablet(room)
    await _avoid(tablet, MILK)
    await _tell(tablet)
    await tablet.add(CLAM)
    await tablet.review()
    await tablet.place_button.click()
    question = tablet.page.get_by_role("dialog")
    await expect(question.locator("li")).to_have_text([f"{CLAM}：未確認のため、{MILK}を含む可能性があります"])
    await question.get_by_role("button", name="見直す").click()


async def test_a_declaration_reaches_the_other_screens_of_the_stay_and_is_taken_back(
    screens: Screens, room: str, admin: Connection
) -> None:
    tablet = await screens.tablet(room)
    await _avoid(tablet, MILK)
    await _tell(tablet)
    await admin.execute(
        "UPDATE app.stays SET allergens = '{egg}' WHERE room_number = $1 AND ended_at IS NULL", room
    )
    await expect(tablet.page.locator(".allergies-chip")).to_have_text("お伝え済み：卵")
    await tablet.page.locator(".allergies-chip").click()
    await tablet.page.locator("allergy-view").get_by_role("button", name="卵", exact=True).click()
    await expect(tablet.page.locator(".allergy-state")).to_have_text("お伝えした内容から変わっています。")
    await tablet.page.get_by_role("button", name="お伝えした内容を取り消す").click()
    await expect(tablet.page.locator(".allergies-chip")).to_have_text("アレルギー")
    await expect(tablet.page.locator("dish-card .warning:visible")).to_have_count(0)
    assert await admin.fetchval("SELECT allergens FROM app.stays WHERE room_number = $1", room) == []


async def test_what_the_kitchen_could_not_be_told_is_said(
    screens: Screens, room: str, live_hub: HubProcess, frames: Frames
) -> None:
    from tests.browser.frames import Refusal

    def refuse(_: dict[str, object]) -> dict[str, object]:
        raise Refusal("internal")

    frames.answer("stay.declare", refuse)
    tablet = await screens.tablet(room, frames=frames)
    await _avoid(tablet, MILK)
    await tablet.page.get_by_role("button", name="厨房に伝える").click()
    state = tablet.page.locator(".allergy-state")
    await expect(state).to_contain_text("お伝えできませんでした。恐れ入りますが、内線 9 へお電話ください。")
    frames.let_through("stay.declare")
    await tablet.page.get_by_role("button", name="厨房に伝える").click()
    await expect(tablet.page.locator(".allergies-chip")).to_have_text(f"お伝え済み：{MILK}")
