"""What becomes of one order, from the documents that a kitchen screen gets. Pure."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct, field

from hub.drive.brigade import Order


class Ticket(Order, frozen=True, kw_only=True):
    """An order's document with what a rehearsal measures."""

    shown_at: datetime | None


class Course(Struct):
    """Moments of one order: when it was stored, when the first screen had painted it, when a cook took note
    of it, when each of its stations was ready, when it was delivered. All are those of the events that told
    it, so of one clock, the database's; the documents have the hub's."""

    stored: datetime
    shown: datetime | None = None
    accepted: datetime | None = None
    ready: dict[str, datetime] = field(default_factory=dict)
    delivered: datetime | None = None
    stations: set[str] = field(default_factory=set)
    over: bool = False

    def told(self, ticket: Ticket, at: datetime) -> None:
        """An event of this order, written at that moment."""
        self.shown = _since(self.shown, at, ticket.shown_at is not None)
        self.accepted = _since(self.accepted, at, ticket.accepted_at is not None)
        self.stations = {item.station for item in ticket.live}
        for station in self.stations:
            if all(item.status == "ready" for item in ticket.live if item.station == station):
                self.ready.setdefault(station, at)
            else:
                self.ready.pop(station, None)  # recalled
        self.over = ticket.status in ("delivered", "cancelled")
        self.delivered = _since(self.delivered, at, ticket.status == "delivered")


def _since(before: datetime | None, at: datetime, is_so: bool) -> datetime | None:
    """Since when it is so, when it is."""
    return (before or at) if is_so else None
