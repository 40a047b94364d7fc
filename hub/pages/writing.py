"""What editors write, in its one form, before anything of it is stored."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

from hub.pages.documents import SUMMARY_LENGTH, TITLE_LENGTH
from hub.pages.html import clean
from hub.security.words import plain_text

if TYPE_CHECKING:
    from uuid import UUID

_FLOOR_LENGTH: Final = 50


class Writing:
    """Cleans beside the event loop, because HTML may cost time that no screen shall wait for, and one text
    after the other, so that a core is left. Call it outside of a transaction."""

    def __init__(self) -> None:
        self._turn = asyncio.Semaphore(1)

    async def cleaned(self, tenant_id: UUID, values: dict[str, Any]) -> dict[str, Any]:
        """Each value of a page by its name. Raises InvalidInput."""
        async with self._turn:
            return await asyncio.to_thread(_cleaned, tenant_id, values)


def _cleaned(tenant_id: UUID, values: dict[str, Any]) -> dict[str, Any]:
    cleaned = dict(values)
    for name, value in values.items():
        match name.partition("_")[0]:
            case "title":
                cleaned[name] = plain_text(value, name, TITLE_LENGTH, empty=name != "title_ja")
            case "summary":
                cleaned[name] = plain_text(value, name, SUMMARY_LENGTH, empty=True)
            case "content":
                cleaned[name] = clean(value, tenant_id, name)
            case "floors" if value is not None:
                floors = (plain_text(one, f"floors[{at}]", _FLOOR_LENGTH) for at, one in enumerate(value))
                cleaned[name] = tuple(dict.fromkeys(floors))
    return cleaned
