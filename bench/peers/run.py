"""`bench peers`: the hub and other servers do the same work in turns, and every number has its ratio."""

from __future__ import annotations

import contextlib
import resource
import shlex
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

import uvloop
from msgspec import Struct
from msgspec.structs import asdict, replace
from rich.console import Console

from bench.machine import Cores, allotted, available_cores, machine, versions
from bench.peers.ground import Ground, prepared
from bench.peers.hosts import HOSTS
from bench.peers.member import EARLY
from bench.peers.picture import draw
from bench.peers.plan import Shape, ShapeName
from bench.peers.report import PeersResult, Turn, compare, judge
from bench.peers.show import Live, caveats, notes_of, summary, table
from bench.peers.software import Missing, Software
from bench.peers.turn import Pace, take
from bench.report import Output
from bench.results import Verdict, write
from hub.errors import SettingError, Unavailable

# Standard input, output, the database: beside the sockets a client needs some descriptors.
_SPARE: Final = 200
# A machine that is so busy that the hub takes Redis for dead makes it look at its log.
_REPEATS: Final = 2


class Options(Struct, frozen=True, kw_only=True):
    """What `bench peers --help` describes."""

    peers: tuple[str, ...]
    shapes: tuple[ShapeName, ...]
    sockets: tuple[int, ...]
    tenants: int
    rounds: int
    seconds: float
    fanout_outstanding: int
    kitchen_outstanding: int
    fanout_offered: float
    kitchen_offered: float
    pin: bool
    min_ratio: dict[str, float]
    min_deliveries: float
    output: Output


def run(options: Options) -> int:
    """Measure, show, save; the exit code. Raises HubError when it cannot be."""
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 160)
    options.output.check()
    shapes = _shapes(options)
    _allow_descriptors(max(shape.all_sockets for shape in shapes))
    started = datetime.now(UTC)
    with console.status("looking for the servers") as status:
        found, notes = _found(options.peers, status.update)
    cores = allotted(available_cores(), 1, 1) if options.pin else Cores(None, None)
    for words in notes:
        console.print(f"[yellow]{words}[/]")
    turns, described = uvloop.run(_measure(options, shapes, found, cores, console))
    notes += notes_of(turns)
    comparisons = compare(turns)
    wrong, slow = judge(turns, comparisons, options.min_ratio, options.min_deliveries)
    verdict = Verdict.WRONG if wrong else Verdict.TOO_SLOW if slow else Verdict.GOOD
    result = PeersResult(
        bench="peers",
        date=started.isoformat(timespec="seconds"),
        command=f"python3 -m bench {shlex.join(sys.argv[1:])}",
        machine=machine(),
        versions=versions(),
        peers={name: software.versions for name, software in found.items() if name != "hub"},
        servers=described,
        cores=cores,
        options=asdict(options),
        shapes=shapes,
        turns=turns,
        comparisons=comparisons,
        notes=notes,
        broken=[*wrong, *slow],
        exit_code=verdict,
    )
    for shape in shapes:
        own = [turn for turn in turns if turn.shape == shape.label]
        if own:
            console.print(table(shape, own, result.comparisons))
    console.print(caveats())
    for words in notes_of(turns):
        console.print(f"[yellow]{words}[/]")
    for words in result.broken:
        console.print(f"[red bold]{words}[/]")
    for words in summary(result):
        console.print(f"[green]{words}[/]")
    _save(options, result, started, console)
    return verdict


def _shapes(options: Options) -> list[Shape]:
    shapes: list[Shape] = []
    for name in options.shapes:
        if name == "fanout":
            shapes += [Shape(name, 1, sockets) for sockets in options.sockets]
        else:
            shapes.append(Shape(name, options.tenants, 4))
    return shapes


def _allow_descriptors(sockets: int) -> None:
    """Raise the limit for this process and all that it starts. Raises SettingError."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < sockets + _SPARE:
        raise SettingError(
            f"{sockets:,} sockets need as many file descriptors, and a process may have {hard:,} here: raise "
            "the hard limit (ulimit -Hn), or ask for fewer sockets"
        )
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _found(names: tuple[str, ...], say: Callable[[str], None]) -> tuple[dict[str, Software], list[str]]:
    """The servers that can run here, and in words why others cannot."""
    found: dict[str, Software] = {}
    notes = []
    for name in names:
        try:
            found[name] = HOSTS[name].software(say)
        except Missing as missing:
            notes.append(f"{name} is left out: {missing}")
    if not found:
        raise Unavailable("none of the servers can run here")
    return found, notes


async def _measure(
    options: Options, shapes: list[Shape], found: dict[str, Software], cores: Cores, console: Console
) -> tuple[list[Turn], list[str]]:
    paces: dict[ShapeName, Pace] = {
        "fanout": Pace(options.fanout_outstanding, options.fanout_offered, options.seconds),
        "kitchen": Pace(options.kitchen_outstanding, options.kitchen_offered, options.seconds),
    }
    turns: list[Turn] = []
    with Live(console, len(shapes) * options.rounds * len(found)) as live:
        async with prepared(shapes, cores.clients, live.say) as ground:
            for shape in shapes:
                out: set[str] = set()
                for number in range(options.rounds):
                    for name in [name for name in found if name not in out]:
                        live.begin(f"{shape.title}, {number + 1}/{options.rounds}", name)
                        turn = await _turn(
                            name, found[name], shape, number, paces[shape.name], ground, cores, live
                        )
                        turns.append(turn)
                        if turn.closed is None:
                            out.add(name)  # it has no number here, and will not have one
                        live.heard(turn)
            return turns, ground.described


async def _turn(
    name: str,
    software: Software,
    shape: Shape,
    number: int,
    pace: Pace,
    ground: Ground,
    cores: Cores,
    live: Live,
) -> Turn:
    try:
        again = 0
        while True:
            turn = await take(name, software, shape, number, pace, ground, cores, live.say)
            if EARLY not in turn.faults or again == _REPEATS:
                return replace(turn, repeated=again)
            again += 1
    except Unavailable as error:
        if name == "hub":
            raise
        return Turn(name, shape.label, number, 0.0, 0.0, None, {"unusable": 1}, [error.message])


def _save(options: Options, result: PeersResult, started: datetime, console: Console) -> None:
    jsons, pictures = options.output.files("peers", started, ".svg")
    for path in jsons:
        write(path, result)
    for path in pictures:
        draw(path, result)
    for path in [*jsons, *pictures]:
        console.print(f"[dim]written to {path}[/]")
