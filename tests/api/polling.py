"""Clients that ask for events again and again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import httpx

from hub.realtime.session import Phase, Session
from tests.api.conftest import Api, opened
from tests.realtime.screens import DEADLINE

if TYPE_CHECKING:
    from hub.app import Hub
    from hub.security.principal import Principal
    from hub.settings import Settings

PATH = "/api/v1/events"
Json = dict[str, Any]


async def poll(api: Api, principal: Principal, **params: str | int) -> Json:
    """An answer, checked for its form."""
    async with asyncio.timeout(DEADLINE + 30):
        answer = await api.get(PATH, principal, **params)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"
    document: Json = answer.json()
    assert document.keys() == {"next", "frames"}
    seqs = [frame["seq"] for frame in document["frames"]]
    assert seqs == sorted(seqs)
    assert document["next"].endswith(f":{seqs[-1]}")
    return document


def kinds(answer: Json) -> list[str]:
    return [frame["type"] for frame in answer["frames"]]


def orders(answer: Json) -> list[str]:
    """The ids of the orders that the events of an answer tell of."""
    frames = [frame for frame in answer["frames"] if frame["type"] == "event"]
    return [frame["data"]["id"] for frame in frames if frame["kind"] == "order"]


class Follower:
    """Holds what polling shows, as a screen would."""

    def __init__(self, api: Api, principal: Principal) -> None:
        self.documents: dict[tuple[str, str], Json] = {}
        self.snapshots = 0
        self._api = api
        self._principal = principal
        self._next: str | None = None

    async def catch_up(self, seq: int) -> None:
        """Poll until everything up to `seq` is known."""
        while self._next is None or int(self._next.partition(":")[2]) < seq:
            params: dict[str, str | int] = {} if self._next is None else {"after": self._next, "wait": 1}
            answer = await poll(self._api, self._principal, **params)
            for frame in answer["frames"]:
                self._apply(frame)
            self._next = answer["next"]

    def _apply(self, frame: Json) -> None:
        if frame["type"] == "snapshot":
            self.snapshots += 1
            self.documents = {(one["kind"], one["data"]["id"]): one["data"] for one in frame["state"]}
        elif frame["type"] == "event":
            self.documents[(frame["kind"], frame["data"]["id"])] = frame["data"]


@asynccontextmanager
async def waiting(hub: Hub, api: Api, principal: Principal, after: str) -> AsyncIterator[Waiting]:
    """A poll that has caught up, and waits."""
    before = set(hub.node.sessions)
    task = asyncio.create_task(api.get(PATH, principal, after=after, wait=30))
    try:
        async with asyncio.timeout(DEADLINE):
            while not (new := [one for one in hub.node.sessions - before if one.phase is Phase.LIVE]):
                assert not task.done(), task.result().text
                await asyncio.sleep(0.01)
        yield Waiting(task, new[0])
    finally:
        task.cancel()
        await asyncio.wait([task])


class Waiting:
    """The answer that is to come, and the session behind it."""

    def __init__(self, task: asyncio.Task[httpx.Response], session: Session) -> None:
        self.session = session
        self._task = task

    async def answer(self) -> httpx.Response:
        """Well before it would come by itself."""
        async with asyncio.timeout(DEADLINE):
            return await self._task


@asynccontextmanager
async def small(settings: Settings) -> AsyncIterator[tuple[Hub, Api]]:
    """A hub with settings of its own."""
    async with (
        opened(settings) as hub,
        httpx.AsyncClient(transport=httpx.ASGITransport(hub.app), base_url="http://hub") as client,
    ):
        yield hub, Api(client)
