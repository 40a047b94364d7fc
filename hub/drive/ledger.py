"""What must be true before any latency is worth reading: every order that the hub has confirmed is on every
kitchen screen of its hotel, once, and in the order of the numbers that the guests were told. Pure."""

from __future__ import annotations

from collections import Counter

from msgspec import Struct, field

_EXAMPLES = 5  # of each kind of fault are kept


class Ticket(Struct, frozen=True):
    """What a kitchen's event says of an order."""

    id: str
    order_number: int
    business_date: str
    version: int
    status: str
    special_requests: str | None = None


class Faults(Struct):
    """Broken promises by kind, and the first few of each in words."""

    counts: dict[str, int] = field(default_factory=dict)
    examples: dict[str, list[str]] = field(default_factory=dict)

    def add(self, kind: str, words: str) -> None:
        self.counts[kind] = self.counts.get(kind, 0) + 1
        told = self.examples.setdefault(kind, [])
        if len(told) < _EXAMPLES:
            told.append(words)

    def merge(self, other: Faults) -> None:
        self.counts = dict(Counter(self.counts) + Counter(other.counts))
        for kind, words in other.examples.items():
            self.examples[kind] = (self.examples.get(kind, []) + words)[:_EXAMPLES]


class Screen:
    """What one screen has seen since it joined. `faults` may be exchanged between two runs."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.faults = Faults()
        self._seq = -1
        self._last = ("", 0)
        self._versions: dict[str, int] = {}

    def position(self, seq: int) -> None:
        """Everything up to here has been sent."""
        if seq < self._seq:
            self.faults.add("out of order", f"{self.name}: position {seq} after {self._seq}")
        self._seq = max(self._seq, seq)

    def event(self, seq: int) -> None:
        """Any event, whatever it is about."""
        if seq <= self._seq:
            kind = "repeated" if seq == self._seq else "out of order"
            self.faults.add(kind, f"{self.name}: event {seq} after {self._seq}")
        self._seq = max(self._seq, seq)

    def know(self, ticket: Ticket) -> None:
        """An order of the snapshot, older than this session."""
        self._versions[ticket.id] = ticket.version
        self._last = max(self._last, (ticket.business_date, ticket.order_number))

    def ticket(self, ticket: Ticket) -> bool:
        """An order's document. True when the order is new here."""
        known = self._versions.get(ticket.id)
        self._versions[ticket.id] = max(ticket.version, known or 0)
        if known is not None:
            if ticket.version <= known:
                kind = "repeated" if ticket.version == known else "out of order"
                words = f"{self.name}: order {ticket.order_number}, version {ticket.version} after {known}"
                self.faults.add(kind, words)
            return False
        if ticket.version != 1:
            words = f"{self.name}: order {ticket.order_number} begins with version {ticket.version}"
            self.faults.add("missing", words)
        place = (ticket.business_date, ticket.order_number)
        if place <= self._last:
            words = f"{self.name}: order {ticket.order_number} came after {self._last[1]}"
            self.faults.add("out of order", words)
        self._last = max(self._last, place)
        return True


class Placed(Struct):
    """One order of the schedule, moments in seconds of `time.monotonic`. `shown` counts the screens that
    have it, `wanted` those that must. `ended` says how it went: "" while nobody knows."""

    number: int
    hotel: int
    due: float
    measured: bool
    wanted: int
    ended: str = ""
    order_id: str = ""
    shown: int = 0

    @property
    def settled(self) -> bool:
        """Nothing more is to come."""
        return self.ended not in ("", "confirmed") or (
            self.ended == "confirmed" and self.shown >= self.wanted
        )


def judge(orders: list[Placed], faults: Faults) -> None:
    """The last look, when no more frames are to come."""
    for order in orders:
        if order.ended == "confirmed" and order.shown < order.wanted:
            words = f"order {order.number} ({order.order_id}) is on {order.shown} of {order.wanted} kitchens"
            faults.add("missing", words)
        elif order.ended.startswith("refused") and order.shown:
            faults.add("unasked", f"order {order.number} was {order.ended} and yet is in the kitchen")
