"""Who edits a hotel's pages over HTTP."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from tests.api.conftest import Api, bearer

if TYPE_CHECKING:
    import httpx

    from hub.security.principal import Principal

PAGES: Final = "/api/v1/pages"
BATH: Final = {
    "slug": "bath",
    "title_ja": "大浴場",
    "title_en": "Bath",
    "content_ja": "<h2>湯</h2><p>十五時から</p>",
    "content_en": "<h2>Bath</h2><p>From 15:00</p>",
}


class PageEditor:
    """An editor who has signed in."""

    def __init__(self, api: Api, who: Principal) -> None:
        self.api = api
        self.who = who

    async def create(self, **values: object) -> dict[str, Any]:
        answer = await self.api.post(PAGES, {**BATH, **values}, self.who)
        assert answer.status_code == 201, answer.text
        page: dict[str, Any] = answer.json()["page"]
        return page

    async def change(self, page: dict[str, Any], **values: object) -> httpx.Response:
        body = {"expected_version": page["version"], **values}
        return await self.api.client.patch(f"{PAGES}/{page['id']}", json=body, headers=bearer(self.who))

    async def act(self, page: dict[str, Any], action: str, **values: object) -> httpx.Response:
        body = {"expected_version": page["version"], **values}
        return await self.api.post(f"{PAGES}/{page['id']}/{action}", body, self.who)

    async def done(self, page: dict[str, Any], action: str, **values: object) -> dict[str, Any]:
        answer = await self.act(page, action, **values)
        assert answer.status_code == 200, answer.text
        acted: dict[str, Any] = answer.json()["page"]
        return acted

    async def delete(self, page: dict[str, Any]) -> httpx.Response:
        return await self.api.client.delete(
            f"{PAGES}/{page['id']}", params={"expected_version": page["version"]}, headers=bearer(self.who)
        )

    async def history(self, page: dict[str, Any], **params: int) -> list[dict[str, Any]]:
        answer = await self.api.get(f"{PAGES}/{page['id']}/history", self.who, **params)
        versions: list[dict[str, Any]] = answer.json()["versions"]
        return versions

    async def slugs(self, **params: str) -> list[str]:
        answer = await self.api.get(PAGES, self.who, **params)
        return [page["slug"] for page in answer.json()["pages"]]


def at(hours: float) -> str:
    return (datetime.now(UTC) + timedelta(hours=hours)).isoformat()
