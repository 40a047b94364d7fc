"""Where the links of letters lead: never to what a stranger has written into a Host header."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.requests import Request

    from hub.security.hosts import Hosts, Place


class Links:
    """`public_url` is the hub's address for all hotels, when it is set."""

    def __init__(self, hosts: Hosts, public_url: str | None) -> None:
        self._hosts = hosts
        self._public_url = public_url

    async def place(self, request: Request, slug: str | None = None) -> Place | None:
        """The hotel that a request is for."""
        return await self._hosts.find(request.headers.get("host"), slug)

    async def base(self, request: Request) -> str | None:
        """An origin for links: `public_url`, or the host of the request when it is a hotel's own."""
        if self._public_url is not None:
            return self._public_url
        if await self.place(request) is None:
            return None
        return f"{request.url.scheme}://{request.headers['host'].lower()}"
