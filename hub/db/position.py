"""Reading one's own writes. A position is how far the database's journal (its WAL) reached after a commit, in
bytes; a replica that has replayed up to it shows the commit."""

from __future__ import annotations

from collections import OrderedDict
from contextvars import ContextVar
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from uuid import UUID

# Further than any journal reaches.
UNKNOWN: Final = 2**63 - 1
# More tenants write within the lag of a replica on no process.
_TENANTS: Final = 10_000


class Trail:
    """One request: `seen` is the position that its client has brought, `reached` that of its last commit."""

    __slots__ = ("reached", "seen")

    def __init__(self, seen: int = 0) -> None:
        self.seen = seen
        self.reached: int | None = None


# Unset where no client is told a position.
trail: Final[ContextVar[Trail | None]] = ContextVar("trail", default=None)


class Written:
    """The position of each tenant's last commit by this process: whoever has heard of a change here reads
    it, not only who made it. A forgotten tenant counts as the newest of all."""

    def __init__(self, tenants: int = _TENANTS) -> None:
        self._most = tenants
        self._positions: OrderedDict[UUID, int] = OrderedDict()
        self._newest = 0
        self._forgotten = 0

    def note(self, tenant_id: UUID, position: int) -> None:
        """The tenant has committed, and the journal reaches up to `position`."""
        if position != UNKNOWN:
            self._newest = max(self._newest, position)
        known = self._positions.pop(tenant_id, 0)
        # a known one after an unknown one lies behind both commits
        self._positions[tenant_id] = position if known == UNKNOWN else max(position, known)
        if len(self._positions) > self._most:
            self._positions.popitem(last=False)
            self._forgotten = self._newest

    def of(self, tenant_id: UUID) -> int:
        """What a replica must have replayed to answer the tenant."""
        return self._positions.get(tenant_id, self._forgotten)


def lsn(position: int) -> str:
    """As PostgreSQL writes it, as in `16/B374D848`."""
    return f"{position >> 32:X}/{position & 0xFFFFFFFF:X}"
