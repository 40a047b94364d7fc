"""What a person at a terminal sees: a line that lives while the servers take their turns, and the tables."""

from __future__ import annotations

from typing import Final

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from bench.peers.hosts import HOSTS
from bench.peers.plan import Shape
from bench.peers.report import Comparison, PeersResult, Pick, Ratio, Turn, cpu, median, memory, rate
from bench.results import Latency

_BUSY: Final = 0.9
_OTHERS: Final = 0.15


class Live:
    """A bar of the turns, with what is going on behind it; one line for each turn stays."""

    def __init__(self, console: Console, turns: int) -> None:
        self._console = console
        self._title = ""
        self._progress = Progress(
            TextColumn("[bold]{task.description}"),
            BarColumn(24),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[state]}"),
            console=console,
        )
        self._task = self._progress.add_task("peers", total=turns, state="")

    def __enter__(self) -> Live:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def begin(self, title: str, server: str) -> None:
        self._title = f"{title}: {server}"

    def say(self, state: str) -> None:
        words = f"{self._title}: {state}" if self._title else state
        self._progress.update(self._task, state=words)

    def heard(self, turn: Turn) -> None:
        self._progress.advance(self._task)
        self._console.print(f"[dim]{self._title}: {told(turn)}[/]")


def told(turn: Turn) -> str:
    """A turn in one line."""
    words = []
    if turn.closed is not None:
        words.append(f"{turn.closed.cpu_us:.1f} us a delivery, {turn.closed.deliveries_a_second:,.0f}/s")
    if turn.open is not None and turn.open.latency is not None:
        words.append(f"p99 {_ms(turn.open.latency, 'p99')} ms")
    words += [f"{count} {kind}" for kind, count in turn.faults.items()]
    return ", ".join(words)


def table(shape: Shape, turns: list[Turn], comparisons: list[Comparison]) -> Table:
    """Medians of a shape's turns, cheapest first; ratios to the hub with their spread."""
    rounds = max(turn.round for turn in turns) + 1
    shown = Table(
        title=f"{shape.title} (rounds: {rounds}; medians, with the least and greatest ratio)", box=SIMPLE_HEAD
    )
    shown.add_column("")
    shown.add_column("events by")
    one = "event" if shape.name == "kitchen" else "delivery"
    for title in (
        *(f"CPU us\na {one}", "the hub does\nas much x", "deliveries\na second", "the hub's\nx"),
        *("cores\nbusy", "Redis us\nan event", "p50\nms", "p99\nms"),
        *("KiB\na socket", "joins\na second", "CPU us\na join"),
    ):
        shown.add_column(title, justify="right")
    names = dict.fromkeys(turn.server for turn in turns)
    by_server = {name: [turn for turn in turns if turn.server == name] for name in names}
    worst = float("inf")
    for name in sorted(names, key=lambda name: median(by_server[name], cpu) or worst):
        own = by_server[name]
        found = next((c for c in comparisons if (c.server, c.shape) == (name, shape.label)), None)
        event = shape.name == "kitchen"
        shown.add_row(
            f"[bold]{HOSTS[name].title}[/]" if name == "hub" else HOSTS[name].title,
            HOSTS[name].hop,
            _cell(own, _event_us if event else cpu, 1),
            _spread(found.cpu if found else None, name),
            _cell(own, rate, 0),
            _spread(found.rate if found else None, name),
            _cell(own, _cores, 2),
            _cell(own, _redis_us, 1),
            *(_latency(own, percentile) for percentile in ("p50", "p99")),
            _cell(own, memory, 1),
            _cell(own, lambda turn: turn.accepts_a_second or None, 0),
            _cell(own, lambda turn: turn.accept_us or None, 0),
        )
    return shown


def caveats() -> str:
    """What must be known to read the tables."""
    return "[dim]" + "\n".join(CAVEATS) + "[/]"


CAVEATS: Final = (
    "CPU: of the server's processes, in a closed loop. Redis is beside it; PostgreSQL rests.",
    "The hub: sessions with tokens that have joined; its events stand in the log before the window, and are "
    "published in it as its relay publishes them, signed: the commit of an event is not in these numbers. "
    "The look at the log every 2 s is put off meanwhile (HUB_HEADS_SECONDS=300). A join is a verified token, "
    "the device looked up, and a snapshot; with the peers it is no more than the handshake.",
    "nchan gets its events over HTTP and has no Redis between publisher and server, so it does less.",
    "Latency: of each delivery at the offered rate, from the moment the event was due; a dash where the "
    "server did not keep up.",
    "Loopback: who sends also pays for what the kernel does to receive it.",
)


def notes_of(turns: list[Turn]) -> list[str]:
    """Faults of peers, and why some numbers may say more about this machine than about the servers."""
    notes = []
    for shape in dict.fromkeys(turn.shape for turn in turns):
        here: dict[str, list[Turn]] = {}
        for turn in turns:
            if turn.shape == shape:
                here.setdefault(turn.server, []).append(turn)
        for server, own in here.items():
            examples = [example for turn in own if server != "hub" for example in turn.examples]
            if examples:
                notes.append(f"{shape}: {server} was not right: {'; '.join(examples[:2])}")
        if repeated := sum(turn.repeated for turn in here.get("hub", [])):
            notes.append(
                f"{shape}: {repeated} turns of the hub were repeated: its node had taken events from its "
                "log, as it does when Redis does not answer in time"
            )
        late = [
            server for server, own in here.items() if any(turn.open and turn.open.overloaded for turn in own)
        ]
        if late:
            notes.append(f"{shape}: the offered rate was too much for {', '.join(late)}")
        others = [
            (server, busy) for server, own in here.items() if (busy := median(own, _others)) is not None
        ]
        if told := [f"{server} {busy:.2f}" for server, busy in others if busy > _OTHERS]:
            notes.append(f"{shape}: others used this machine; cores, while measured: {', '.join(told)}")
        idle = [(server, busy) for server, own in here.items() if (busy := median(own, _cores)) is not None]
        if told := [f"{server} {busy:.0%}" for server, busy in idle if busy < _BUSY]:
            notes.append(
                f"{shape}: not busy all the time, so that deliveries a second say what client and machine "
                f"can take: {', '.join(told)}"
            )
        if cost := median([turn for own in here.values() for turn in own], _client_us):
            notes.append(f"{shape}: the client took {cost:.1f} us of CPU for each delivery")
    return notes


def summary(result: PeersResult) -> list[str]:
    """One sentence for each shape that went well, with the command that repeats it."""
    right = [
        shape
        for shape in result.shapes
        if all(not turn.faults for turn in result.turns if (turn.server, turn.shape) == ("hub", shape.label))
        and any((turn.server, turn.shape) == ("hub", shape.label) for turn in result.turns)
    ]
    return [
        f"{shape.title}: the hub delivered every event to every socket, once and in order" for shape in right
    ]


def _event_us(turn: Turn) -> float | None:
    return turn.closed.event_us if turn.closed else None


def _cores(turn: Turn) -> float | None:
    return turn.closed.server_cores if turn.closed else None


def _others(turn: Turn) -> float | None:
    return turn.closed.others_cores if turn.closed else None


def _client_us(turn: Turn) -> float | None:
    return turn.closed.client_us if turn.closed else None


def _redis_us(turn: Turn) -> float | None:
    return turn.closed.redis_us if turn.closed else None


def _cell(turns: list[Turn], pick: Pick, digits: int) -> str:
    found = median(turns, pick)
    return "-" if found is None else f"{found:,.{digits}f}"


def _spread(ratio: Ratio | None, name: str) -> str:
    if name == "hub":
        return "1"
    if ratio is None:
        return "-"
    spread = f" ({ratio.low:.2f}-{ratio.high:.2f})" if ratio.low < ratio.high else ""
    return f"{ratio.median:.2f}{spread}"


def _latency(turns: list[Turn], percentile: str) -> str:
    def pick(turn: Turn) -> float | None:
        window = turn.open
        kept_up = window is not None and not window.overloaded and window.latency is not None
        return window.latency.percentiles[percentile] if kept_up and window and window.latency else None

    found = median(turns, pick)
    return "-" if found is None else f"{found:,.2f}"


def _ms(latency: Latency, percentile: str) -> str:
    value = latency.percentiles[percentile]
    return "-" if value is None else f"{value:.2f}"
