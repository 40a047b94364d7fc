"""Which hotel a request is for, before anybody is known: by its own domain, by `<slug>.<base domain>`, or
else by the short name that the page asks for."""

from __future__ import annotations

import re
import time
from collections import OrderedDict
from typing import TYPE_CHECKING, Final, Literal
from uuid import UUID

from msgspec import Struct

from hub.db.pool import DATABASE_ERRORS
from hub.db.queries import load
from hub.errors import Unavailable

if TYPE_CHECKING:
    from hub.db.pool import Pool

FIND_TENANT: Final = load("hosts")["find_tenant"]
_SLUG: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_HOST: Final = re.compile(r"([a-z0-9.-]{3,253})(:\d{1,5})?")
_CACHED: Final = 10_000


class Place(Struct, frozen=True):
    """A hotel. `state` is active, or why it is not served; `own_host` says that the Host header names this
    very hotel, so that links may be built from it."""

    tenant_id: UUID
    name: str
    slug: str
    locale: Literal["ja", "en"]
    state: str
    own_host: bool


class Hosts:
    """`pool` connects as hub_auth. What was found, or not, is believed for `seconds`."""

    def __init__(self, pool: Pool, base_domain: str | None, *, seconds: float = 3.0) -> None:
        self._pool = pool
        self._suffix = None if base_domain is None else f".{base_domain}"
        self._seconds = seconds
        self._known: OrderedDict[tuple[str, str], tuple[float, Place | None]] = OrderedDict()

    async def find(self, host: str | None, slug: str | None = None) -> Place | None:
        """The hotel of a Host header; `slug` counts only where the header names none. Raises Unavailable."""
        named = _HOST.fullmatch((host or "").lower())
        if named is not None:
            # with the dot at its end it is the same name, written in full
            domain, short = named[1].removesuffix("."), ""
            if self._suffix is not None and domain.endswith(self._suffix):
                short = domain.removesuffix(self._suffix)
            place = await self._find(domain, short if _SLUG.fullmatch(short) else "", own_host=True)
            if place is not None:
                return place
        if slug is None or not _SLUG.fullmatch(slug):
            return None
        return await self._find("", slug, own_host=False)

    async def _find(self, domain: str, slug: str, *, own_host: bool) -> Place | None:
        key = (domain, slug)
        now = time.monotonic()
        at, place = self._known.get(key, (-self._seconds, None))
        if now - at < self._seconds:
            return place
        try:
            row = await self._pool.fetchrow(FIND_TENANT.text, domain or None, slug or None)
        except DATABASE_ERRORS as error:
            raise Unavailable("the hub cannot reach its data now; try again") from error
        place = None if row is None else Place(**dict(row), own_host=own_host)
        self._known[key] = (now, place)
        self._known.move_to_end(key)
        if len(self._known) > _CACHED:
            self._known.popitem(last=False)
        return place
